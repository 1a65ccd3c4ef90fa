#include "gateway/core/glob.h"

bool glob_match(struct slice glob, struct slice name)
{
	size_t g = 0, n = 0, star = glob.n, from = 0;

	while (n < name.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = g++; /* of none at first */
			from = n;
		} else if (g < glob.n && (glob.p[g] == '?' || glob.p[g] == name.p[n])) {
			g++;
			n++;
		} else if (star < glob.n) {
			g = star + 1; /* the last star takes one byte more */
			n = ++from;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}

struct slice glob_head(struct slice glob)
{
	size_t n = 0;

	while (n < glob.n && glob.p[n] != '*' && glob.p[n] != '?')
		n++;
	return (struct slice){ glob.p, n };
}
