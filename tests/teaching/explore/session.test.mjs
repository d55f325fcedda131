// Run by `node --test`: changes of a session, of which some are computed elsewhere and later.
import assert from "node:assert/strict";
import test from "node:test";

const explore = new URL("../../../convcli/teaching/explore/", import.meta.url);
const { mapsOf, Session } = await import(new URL("session.mjs", explore));
const { inputOfLists } = await import(new URL("inputs.mjs", explore));

const SMALL = inputOfLists([
  [1, 2, 3],
  [4, 5, 6],
]);
// Large enough that its map is computed by `compute`.
const LARGE = inputOfLists(Array.from({ length: 300 }, () => Array(300).fill(1)));

/** A session whose large maps are ready when the test says so. */
function slowSession() {
  const waiting = [];
  const compute = (job) => new Promise((resolve) => waiting.push(() => resolve(mapsOf(job))));
  return { session: new Session(SMALL, { kernel: "1" }, new Map(), 1e7, compute), waiting };
}

test("a change builds on one that is still computed", async () => {
  const { session, waiting } = slowSession();
  const first = session.change({ input: LARGE, kernel: "box:23" });
  assert.equal(session.settings.kernel, "1", "nothing is shown yet");
  const second = session.change({ stride: 100 });
  waiting.forEach((finish) => finish());
  await Promise.all([first, second]);
  assert.equal(session.settings.kernel, "box:23");
  assert.equal(session.settings.stride, 100);
  assert.deepEqual(session.result.map.shape, [3, 3, 1]);
});

test("maps that come late are not shown", async () => {
  const { session, waiting } = slowSession();
  const first = session.change({ input: LARGE, kernel: "box:23" });
  const second = session.change({ input: SMALL, kernel: "2" });
  await second;
  waiting.forEach((finish) => finish());
  await first;
  assert.deepEqual(Array.from(session.values().values), [2, 4, 6, 8, 10, 12]);
});

test("a change that is refused changes nothing", async () => {
  const { session } = slowSession();
  await assert.rejects(
    session.change({ kernel: "1 2 3 4 5", padding: "valid" }),
    /exceeds the 3x2/,
  );
  await session.change({ stride: 2 });
  assert.equal(session.settings.kernel, "1");
  assert.equal(session.settings.padding, "same");
});
