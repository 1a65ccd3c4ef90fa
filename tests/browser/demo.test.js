// The demo page, as people use it: a real gateway, a real browser.
"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const test = require("node:test");
const { Gateway, Visit, build, inState, launch, say, sees, seesMembers, seesNote } = require("./support.js");

let browser, gateway, impatient;

test.before(async () => {
	gateway = await new Gateway().start();
	impatient = await new Gateway({ "ping-interval-ms": "500", "client-timeout-ms": "1200" }).start();
	browser = await launch();
});

test.after(async () => {
	if (browser) await browser.close();
	for (const g of [gateway, impatient]) {
		if (g) assert.equal(await g.stop(), 0, g.log);
	}
});

/* A test with a visit of its own, after which nothing may be wrong except `excused` complaints. */
function visiting(name, body, { options, excused, on } = {}) {
	test(name, { timeout: 60000 }, async () => {
		const visit = await Visit.begin(browser, on ? on() : gateway, options);
		try {
			await body(visit);
		} finally {
			await visit.context.close();
		}
		const wrong = visit.complaints.filter((c) => excused === undefined || !excused.test(c));
		assert.deepEqual(wrong, []);
	});
}

visiting("two tabs see each other and talk in both directions", async (visit) => {
	const ann = await visit.join("Ann", "talk");
	await seesMembers(ann, ["Ann (you)"]);
	const ben = await visit.join("Ben", "talk");
	await seesMembers(ann, ["Ann (you)", "Ben"]);
	await seesMembers(ben, ["Ann", "Ben (you)"]);
	await seesNote(ann, "Ben joined");
	assert.equal(await ann.textContent("#member-count"), "2 here");

	await say(ann, "hello Ben");
	await say(ben, "hello Ann");
	for (const page of [ann, ben]) {
		await sees(page, "Ann", "hello Ben");
		await sees(page, "Ben", "hello Ann");
		assert.equal(await page.locator("#log .message").count(), 2);
	}
	assert.equal(await ann.locator("#log .message.own").count(), 1);
});

visiting("who closes the page is seen leaving", async (visit) => {
	const ann = await visit.join("Ann", "leaving");
	const ben = await visit.join("Ben", "leaving");
	await seesMembers(ann, ["Ann (you)", "Ben"]);
	await ben.close();
	await seesNote(ann, "Ben left");
	await seesMembers(ann, ["Ann (you)"]);
});

visiting("who presses Leave is gone for others and may come back", async (visit) => {
	const ann = await visit.join("Ann", "back");
	const ben = await visit.join("Ben", "back");
	await ben.click("#leave");
	await inState(ben, "idle");
	await seesMembers(ann, ["Ann (you)"]);
	await ben.click("#join");
	await inState(ben, "connected");
	await seesMembers(ann, ["Ann (you)", "Ben"]);
});

visiting("rooms do not hear each other", async (visit) => {
	const ann = await visit.join("Ann", "here");
	const ben = await visit.join("Ben", "there");
	await say(ben, "can you hear me?");
	await sees(ben, "Ben", "can you hear me?");
	await say(ann, "echo");
	await sees(ann, "Ann", "echo");
	assert.equal(await ann.locator("#log .message").count(), 1);
	await seesMembers(ann, ["Ann (you)"]);
});

visiting("the form joins with what was typed and refuses what is no room's name", async (visit) => {
	const page = await visit.tab();
	await page.getByLabel("Name", { exact: true }).fill("Ann");
	await page.getByLabel("Room", { exact: true }).fill("no blanks");
	await page.getByRole("button", { name: "Join" }).click();
	assert.match(await page.textContent("#join-error"), /no blanks/);
	assert.equal(await page.getAttribute("#room", "aria-invalid"), "true");
	assert.equal(await page.getAttribute("#state", "data-state"), "idle");
	await page.getByLabel("Room", { exact: true }).fill("typed");
	await page.keyboard.press("Enter");
	await inState(page, "connected");
	assert.equal(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("room"), "typed");
	await page.getByLabel("Message", { exact: true }).fill("by the Enter key");
	await page.keyboard.press("Enter");
	await sees(page, "Ann", "by the Enter key");
});

visiting("names and messages are text, never markup", async (visit) => {
	const markup = '<img src=x onerror="document.title=1"><b>bold</b>';
	const ann = await visit.join("Ann", "markup");
	const eve = await visit.join(markup.slice(0, 40), "markup");
	await say(eve, markup);
	await sees(ann, markup.slice(0, 40), markup);
	assert.equal(await ann.locator("#log img, #log .text b, #members img").count(), 0);
	assert.equal(await ann.title(), "markup · roomcast");
});

visiting("the page asks for nothing that it does not carry, and may not", async (visit) => {
	const page = await visit.tab();
	const policy = await page.evaluate(async () => (await fetch(location.href)).headers.get("content-security-policy"));
	for (const part of ["default-src 'none'", "base-uri 'none'", "form-action 'none'"])
		assert.ok(policy.includes(part), policy);
});

for (const [how, signal] of [["stopped", "SIGTERM"], ["killed", "SIGKILL"]]) {
	visiting(`when the gateway is ${how} and comes back, so does the page`, async (visit) => {
		const ann = await visit.join("Ann", how);
		const ben = await visit.join("Ben", how);
		await seesMembers(ann, ["Ann (you)", "Ben"]);
		await gateway.stop(signal);
		await inState(ann, "reconnecting");
		assert.equal(await ann.isDisabled("#send"), true);
		await gateway.start();
		for (const page of [ann, ben]) {
			await inState(page, "connected");
			await seesNote(page, "connected again");
			await seesMembers(page, page === ann ? ["Ann (you)", "Ben"] : ["Ann", "Ben (you)"]);
		}
		await say(ann, "we are back");
		await sees(ben, "Ann", "we are back");
	}, { excused: /WebSocket connection to .* failed/ });
}

visiting("the page keeps its connection alive by asking", async (visit) => {
	const page = await visit.tab();
	const sent = [];
	page.on("websocket", (ws) => {
		ws.on("framesent", (f) => sent.push(JSON.parse(f.payload).type));
		ws.on("framereceived", (f) => sent.push(JSON.parse(f.payload).type));
	});
	await page.fill("#name", "Ann");
	await page.click("#join");
	await inState(page, "connected");
	await page.waitForTimeout(2500); // twice its time-out
	assert.equal(await page.textContent("#state-text"), "connected", impatient.log);
	assert.ok(sent.filter((type) => type === "ping").length >= 2, String(sent));
	assert.ok(sent.filter((type) => type === "pong").length >= 2, String(sent));
}, { on: () => impatient });

for (const colorScheme of ["light", "dark"]) {
	visiting(`on a phone nothing scrolls sideways and fingers find the buttons (${colorScheme})`, async (visit) => {
		const fits = async (page) => {
			const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
			assert.ok(wide <= has, `${wide} pixels in ${has}`);
			for (const element of await page.locator("button:visible, input:visible").all())
				assert.ok((await element.boundingBox()).height >= 44, await element.getAttribute("id"));
		};
		const form = await visit.tab();
		await fits(form);
		const ann = await visit.join("Ann", `phone-${"x".repeat(150)}`);
		const ben = await visit.join("B".repeat(40), `phone-${"x".repeat(150)}`);
		await say(ben, "w".repeat(300));
		await sees(ann, "B".repeat(40), "w".repeat(300));
		await fits(ann);
		await ann.screenshot({ path: path.join(build, `demo-phone-${colorScheme}.png`), fullPage: true });
	}, { options: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, colorScheme } });
}
