// Run by `node --test`: changes of a session, of which some are computed elsewhere and later.
import assert from "node:assert/strict";
import test from "node:test";

const explore = new URL("../../../convcli/teaching/explore/", import.meta.url);
const { mapsOf } = await import(new URL("results.mjs", explore));
const { Session } = await import(new URL("session.mjs", explore));
const { scriptApi } = await import(new URL("api.mjs", explore));
const { colorOf, inkOn } = await import(new URL("colors.mjs", explore));
const { commandText } = await import(new URL("command.mjs", explore));
const { layerContent } = await import(new URL("contents.mjs", explore));
const { BORDERS, outputsFedBy } = await import(new URL("geometry.mjs", explore));
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

/** Return the [row, column] pairs at which two maps differ. */
function changedPlaces(before, after) {
  const columns = before.shape[1];
  const places = Array.from(before.values.keys());
  const changed = places.filter((place) => before.values[place] !== after.values[place]);
  return changed.map((place) => [Math.floor(place / columns), place % columns]);
}

test("a pixel feeds what changes with it, through its copies in the padding too", async () => {
  let seed = 1;
  const choose = (least, most) => {
    seed = (seed * 48271) % 2147483647;
    return least + (seed % (most - least + 1));
  };
  for (const border of BORDERS) {
    for (let round = 0; round < 40; round++) {
      const [rows, columns] = [choose(1, 6), choose(1, 6)];
      const grid = Array.from({ length: rows }, () => Array.from({ length: columns }, () => choose(0, 9)));
      const kernel = Array.from({ length: choose(1, 3) }, () => [1, 2, 3].slice(choose(0, 2)));
      const settings = {
        kernel: kernel.map((row) => row.concat(Array(3).fill(1)).slice(0, kernel[0].length)),
        border,
        operation: ["correlate", "convolve"][choose(0, 1)],
        padding: Array.from({ length: 4 }, () => choose(3, 9)),
        stride: [choose(1, 3), choose(1, 3)],
        dilation: [choose(1, 2), choose(1, 2)],
        layers: [`conv -k box:2 --border ${border} --padding full`],
      };
      const session = new Session(inputOfLists(grid), settings, new Map(), 1e6);
      const pixel = [choose(0, rows - 1), choose(0, columns - 1)];
      grid[pixel[0]][pixel[1]] += 1000;
      const changed = new Session(inputOfLists(grid), settings, new Map(), 1e6);
      const sorted = (places) => places.map(String).sort();
      assert.deepEqual(
        sorted(outputsFedBy(session.result.geometry, pixel, border)),
        sorted(changedPlaces(session.result.map, changed.result.map)),
        JSON.stringify({ ...settings, rows, columns, pixel }),
      );
      const [fed] = session.fed(pixel, [0]);
      assert.deepEqual(
        sorted(fed.rows.flatMap((row) => fed.columns.map((column) => [row, column]))),
        sorted(changedPlaces(session.stages[0].map, changed.stages[0].map)),
        JSON.stringify({ ...settings, rows, columns, pixel }),
      );
    }
  }
});

test("a change builds on one that is still computed", async () => {
  const { session, waiting } = slowSession();
  const first = session.change({ input: LARGE, kernel: "box:51" });
  assert.equal(session.settings.kernel, "1", "nothing is shown yet");
  const second = session.change({ stride: 100 });
  waiting.forEach((finish) => finish());
  await Promise.all([first, second]);
  assert.equal(session.settings.kernel, "box:51");
  assert.equal(session.settings.stride, 100);
  assert.deepEqual(session.result.map.shape, [3, 3, 1]);
});

test("maps that come late are not shown", async () => {
  const { session, waiting } = slowSession();
  const first = session.change({ input: LARGE, kernel: "box:51" });
  const second = session.change({ input: SMALL, kernel: "2" });
  await second;
  waiting.forEach((finish) => finish());
  await first;
  assert.deepEqual(Array.from(session.values().values), [2, 4, 6, 8, 10, 12]);
});

test("layers are computed with the map, elsewhere too", async () => {
  const { session, waiting } = slowSession();
  const change = session.change({ input: LARGE, kernel: "box:51", layers: ["maxpool 100"] });
  assert.equal(session.stages.length, 0);
  waiting.forEach((finish) => finish());
  await change;
  assert.deepEqual(session.values().shape, [3, 3, 1]);
  await session.change({ input: SMALL, kernel: "1", layers: ["conv -k '1 1'", "maxpool 3x2"] });
  assert.deepEqual(Array.from(session.values().values), [12]);
  assert.equal(waiting.length, 1, "small work is done here");
  await session.change({ layers: [] });
  assert.deepEqual(Array.from(session.values().values), [1, 2, 3, 4, 5, 6]);
});

test("large layers are computed elsewhere, too", async () => {
  const { session, waiting } = slowSession();
  const change = session.change({ input: LARGE, layers: ["conv -k box:51", "globalpool max"] });
  assert.equal(waiting.length, 1);
  waiting.forEach((finish) => finish());
  await change;
  assert.ok(Math.abs(session.values().values[0] - 1) < 1e-12);
});

test("layers that do not fit change nothing", async () => {
  const { session } = slowSession();
  await session.change({ layers: ["relu"] });
  await assert.rejects(session.change({ layers: ["relu", "maxpool 4"] }), /^UsageError: layer 3/);
  await assert.rejects(session.change({ layers: "relu" }), /layers takes a list of texts/);
  await assert.rejects(session.change({ input: inputOfLists([[1]]), layers: ["maxpool 2"] }), /exceeds/);
  assert.deepEqual(session.settings.layers, ["relu"]);
  await assert.rejects(
    session.change({ kernel: [[[[1]]], [[[2]]]], combine: "sum", bias: 2 }),
    /chain adds a bias after/,
  );
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

test("what is no nested lists of numbers is refused in words", async () => {
  const { session } = slowSession();
  for (const kernel of [null, 3, [], [[null]]]) {
    await assert.rejects(session.change({ kernel }), /a kernel is nested lists of numbers/);
  }
  for (const input of [null, [[1, null]], [[1, "2"]], [[[1], [undefined]]]]) {
    assert.throws(() => inputOfLists(input), /an input is nested lists of numbers/);
  }
});

test("a weight of 0 adds nothing, not even to what is infinite", async () => {
  const { session } = slowSession();
  await session.change({ input: inputOfLists([[1, 2, 3, Infinity, 5, 6, 7, 8]]) });
  await session.change({ kernel: "1 0 2", padding: "valid" });
  assert.deepEqual(Array.from(session.values().values), [7, Infinity, 13, Infinity, 19, 22]);
});

test("settings are refused in the command's words", async () => {
  const { session } = slowSession();
  const refusals = [
    [{ divisor: "1/3" }, "divisor must be a number, not '1/3'"],
    [{ bias: NaN }, "bias must be a finite number, not NaN"],
    [{ divisor: -1e31 }, "a kernel's divisor must be finite and within ±1e+30"],
    [{ anchor: [0, NaN] }, "anchor must be a whole number, not NaN"],
    [
      { padding: "same-upper", anchor: [0, 0] },
      "padding same-upper has an anchor of its own; leave out the anchor",
    ],
    [
      { at: [0, 3] },
      "position 0,3 is outside the 3x2 feature map: rows are 0 to 1, columns 0 to 2",
    ],
    [null, "set takes an object such as { stride: 2 }, not null"],
    [
      { kernel: "nets/m 1.onnx" },
      "this page cannot compute nets/m 1.onnx; one that has it is written by: " +
        'convcli explore -k "nets/m 1.onnx" INPUT -o page.html',
    ],
  ];
  for (const [settings, message] of refusals) {
    await assert.rejects(scriptApi(session, null, null).set(settings), { message });
  }
  await session.change({ at: [0, 3] });
  assert.deepEqual(session.settings.at, [0, 2], "a state of another input still fits");
});

test("the command has no fill of a border that holds none", async () => {
  const { session } = slowSession();
  await session.change({ border: "constant", fill: 7 });
  assert.match(commandText(session), /--border constant --fill 7 /);
  await session.change({ border: "edge" });
  assert.doesNotMatch(commandText(session), /fill/);
});

test("the command has no divisor and bias that the kernel has by itself", async () => {
  const { session } = slowSession();
  const planes = [Float64Array.of(1)];
  const halved = { name: "h", addsChannels: false, shape: [1, 1], planes, divisor: 2, bias: 0 };
  session.tables.set("half", {
    label: "half",
    combine: null,
    words: ["-k", "1"],
    scaling: ["--divisor", "2"],
    kernels: [halved],
  });
  const commands = [
    [{ kernel: [[1, 2]], divisor: 1, bias: 0 }, '-k "1 2"'],
    [{ kernel: [[1, 2]], divisor: 3, bias: 0 }, '-k "1 2" --divisor 3'],
    [{ kernel: "half", divisor: 2, bias: 1 }, "-k 1 --divisor 2 --bias 1"],
    [{ kernel: "half", divisor: 1, bias: 0 }, "-k 1 --divisor 1"],
  ];
  for (const [settings, words] of commands) {
    await session.change(settings);
    assert.equal(commandText(session), `convcli apply ${words} --matrix "1 2 3; 4 5 6"`);
  }
});

test("a map is written without rounding errors", async () => {
  const { session } = slowSession();
  await session.change({ input: inputOfLists([[0.1, 0.2], [1234567, 1e-20]]), kernel: "1 2" });
  const texts = (values, decimals) => {
    const map = { shape: [1, values.length, 1], values: Float64Array.from(values) };
    const content = layerContent(map, 0, () => decimals);
    return values.map((_, column) => [content.line(0, column), content.texts(0, column).at(-1)]);
  };
  assert.deepEqual(
    texts([0.1 + 0.2, 2 / 3, 1234567, -0.5, 1e-17], 15),
    [["0.3", "0.3"], ["0.666667", "0.67"], ["1234567", "1.2e6"], ["-0.5", "-0.5"], ["0", "0"]],
  );
  assert.equal(session.decimals(0), 8, "of 3 * 1234567 in doubles");
});

test("numbers in cells have a contrast of 4.5", () => {
  const linear = (level) =>
    level / 255 <= 0.04045 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4;
  for (let level = 0; level < 256; level++) {
    for (const color of [[level, level, level], [level, 255 - level, 0], [0, level, 255 - level]]) {
      const ink = inkOn(colorOf(...color)) === "#000" ? 0 : 1;
      const [red, green, blue] = color.map(linear);
      const paper = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      assert.ok(contrast >= 4.5, `${color}: ${contrast}`);
    }
  }
});
