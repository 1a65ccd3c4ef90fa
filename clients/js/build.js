// The package as one file, for pages that have no bundler: node build.js [FILE]. Says what it weighs, gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const at = (name) => new URL(name, import.meta.url).pathname;
const outfile = process.argv[2] ?? at("dist/roomcast.min.js");

// names that begin with _ are between our own files
buildSync({ entryPoints: [at("src/index.js")], outfile, bundle: true, minify: true, format: "esm", target: "es2022", mangleProps: /^_/ });
console.log(gzipSync(readFileSync(outfile), { level: 9 }).length);
