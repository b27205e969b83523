// The client against a scripted server: what it sends, when it comes back, and what it does not believe.

import assert from "node:assert/strict";
import { test } from "node:test";

import { wait } from "../src/backoff.js";
import type { EventFrame } from "../src/frames.js";
import { ClosedError, type ConnectOptions, LiveError, connect } from "../src/index.js";
import { liveUrl } from "../src/websocket.js";
import { Scripted } from "./scripted.js";

const SOON = { first: 1, most: 1 };

function begin(options: Partial<ConnectOptions> = {}) {
  const scripted = new Scripted();
  const live = connect({
    endpoint: "http://localhost:1/v1",
    key: "k",
    WebSocket: scripted.WebSocket,
    backoff: SOON,
    ...options,
  });
  return { scripted, live };
}

function event(id: string, prev: string | null, cursor: string): EventFrame {
  const happened = { time: "", principal: "key:k", threadId: "t", position: 1 };
  return { type: "event", id, prev, cursor, event: { type: "item.delta", ...happened, itemId: "i", deltas: [] } };
}

test("a guest that is yet to say who it is does so first", async () => {
  const { scripted, live } = begin();
  live.subscribe("items", {}, {});
  const socket = await scripted.socket(1);
  socket.greet("guest");
  assert.deepEqual(socket.sent, [{ type: "authenticate", key: "k" }]);
  socket.greet("key:k");
  assert.deepEqual(socket.of("subscribe"), [{ type: "subscribe", id: "s1.1", resource: "items" }]);
  live.close();
});

test("what the server refuses is not tried again", async () => {
  for (const code of [1002, 1003, 1008, 1009, 4401]) {
    const { scripted, live } = begin();
    const ended: Error[] = [];
    live.subscribe("items", {}, { ended: (reason) => ended.push(reason) });
    const call = live.call("GET", "/v1/threads");
    const socket = await scripted.socket(1);
    socket.greet();
    socket.cut(code);
    await assert.rejects(call, ClosedError);
    assert.equal(live.state, "closed");
    assert.deepEqual(
      ended.map((reason) => (reason as ClosedError).code),
      [code],
    );
    await assert.rejects(live.call("GET", "/v1/threads"), ClosedError);
  }
});

test("after a loss a subscription goes on after its last frame", async () => {
  for (const code of [1001, 1006, 1011, 1013, 4408]) {
    const { scripted, live } = begin();
    const seen: string[] = [];
    const subscription = live.subscribe(
      "items",
      { from: "start", queries: [{ method: "equal", attribute: "role", values: ["user"] }] },
      { event: (_, frame) => seen.push(frame.cursor) },
    );
    const first = await scripted.socket(1);
    first.greet();
    assert.equal(first.of("subscribe")[0]?.from, "start");
    first.say(event("s1.1", null, "a"));
    first.say(event("s1.1", "a", "b"));
    first.cut(code);
    assert.equal(live.state, "lost");
    const second = await scripted.socket(2);
    second.greet();
    const [again] = second.of("subscribe");
    assert.equal(again?.from, "b");
    assert.deepEqual(again?.queries, ['{"method":"equal","attribute":"role","values":["user"]}']);
    second.say(event("s1.2", "b", "c"));
    assert.deepEqual(seen, ["a", "b", "c"]);
    assert.equal(subscription.cursor, "c");
    live.close();
  }
});

test("a gap is noticed, not passed on, and read again", async () => {
  const { scripted, live } = begin();
  const seen: string[] = [];
  live.subscribe("items", { from: "start" }, { event: (_, frame) => seen.push(frame.cursor) });
  const socket = await scripted.socket(1);
  socket.greet();
  socket.say(event("s1.1", null, "a"));
  socket.say(event("s1.1", "b", "c"));
  assert.deepEqual(seen, ["a"]);
  assert.deepEqual(socket.of("unsubscribe"), [{ type: "unsubscribe", id: "s1.1" }]);
  while (socket.of("subscribe").length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(socket.of("subscribe")[1], { type: "subscribe", id: "s1.2", resource: "items", from: "a" });
  // What was under way under the old id is not believed.
  socket.say(event("s1.1", "a", "x"));
  socket.say(event("s1.2", "a", "b"));
  assert.deepEqual(seen, ["a", "b"]);
  live.close();
});

test("a refused subscription ends alone, one that met a busy server does not", async () => {
  const { scripted, live } = begin();
  const ended: string[] = [];
  const handlers = (name: string) => ({ ended: (reason: Error) => ended.push(`${name} ${(reason as LiveError).type}`) });
  live.subscribe("threads/t", {}, handlers("first"));
  live.subscribe("items", {}, handlers("second"));
  const socket = await scripted.socket(1);
  socket.greet();
  socket.say({ type: "error", id: "s1.1", code: 404, errorType: "thread_not_found", message: "" });
  socket.say({ type: "error", id: "s2.1", code: 503, errorType: "server_busy", message: "" });
  assert.deepEqual(ended, ["first thread_not_found"]);
  while (socket.of("subscribe").length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(socket.of("subscribe")[2]?.id, "s2.2");
  live.close();
});

test("a subscription that is refused again and again waits longer each time", async (context) => {
  context.mock.method(Math, "random", () => 0.999_999);
  const { scripted, live } = begin({ backoff: { first: 100, most: 1_000 } });
  live.subscribe("items", { from: "start" }, {});
  const socket = await scripted.socket(1);
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  socket.greet();
  const refuse = (round: number) => {
    socket.say({ type: "error", id: `s1.${round}`, code: 503, errorType: "server_busy", message: "" });
  };
  const begun = () => socket.of("subscribe").length;
  let round = 1;
  const waits = (milliseconds: number) => {
    refuse(round);
    context.mock.timers.tick(milliseconds - 2);
    assert.equal(begun(), round, `round ${round + 1} begins after ${milliseconds} ms, not before`);
    context.mock.timers.tick(2);
    round += 1;
    assert.equal(begun(), round, `round ${round} begins after ${milliseconds} ms`);
  };
  for (const milliseconds of [200, 400, 800, 1_000, 1_000]) waits(milliseconds);
  // It brought something: the next refusal is a first one.
  socket.say(event(`s1.${round}`, null, "a"));
  waits(200);
  live.close();
});

test("of the subscriptions that a connection may have, waiting frees none", async () => {
  const { scripted, live } = begin();
  const ended: Error[] = [];
  live.subscribe("items", {}, { ended: (reason) => ended.push(reason) });
  const socket = await scripted.socket(1);
  socket.greet();
  socket.say({ type: "error", id: "s1.1", code: 429, errorType: "live_too_many_subscriptions", message: "" });
  assert.deepEqual(
    ended.map((reason) => (reason as LiveError).type),
    ["live_too_many_subscriptions"],
  );
  live.close();
});

test("a write is named on pages without TLS too", async (context) => {
  // Only secure contexts have it.
  context.mock.method(crypto, "randomUUID", () => {
    throw new TypeError("crypto.randomUUID is not a function");
  });
  const { scripted, live } = begin();
  const socket = await scripted.socket(1);
  socket.greet();
  for (const name of ["x", "y"]) live.call("POST", "/v1/threads", { body: { name } }).catch(() => {});
  const keys = socket.of("call").map((call) => call.headers?.["Idempotency-Key"] ?? "");
  assert.match(keys[0] ?? "", /^[0-9a-f]{32}$/);
  assert.equal(new Set(keys).size, 2);
  live.close();
});

test("a thread that is gone ends its subscription", async () => {
  const { scripted, live } = begin();
  const told: string[] = [];
  live.subscribe(
    "threads/t",
    { from: "start" },
    { leave: (frame) => told.push(`leave ${frame.rowId}`), ended: (reason) => told.push((reason as LiveError).type) },
  );
  const socket = await scripted.socket(1);
  socket.greet();
  socket.say({ type: "leave", id: "s1.1", prev: null, cursor: "a", rowId: "t", ended: true });
  assert.deepEqual(told, ["leave t", "thread_not_found"]);
  socket.cut(1006);
  (await scripted.socket(2)).greet();
  assert.deepEqual((await scripted.socket(2)).sent, []);
  live.close();
});

test("nothing comes after unsubscribe", async () => {
  const { scripted, live } = begin();
  const seen: string[] = [];
  const subscription = live.subscribe(
    "items",
    { from: "start" },
    { event: (_, frame) => seen.push(frame.cursor), ended: () => seen.push("ended") },
  );
  const socket = await scripted.socket(1);
  socket.greet();
  subscription.unsubscribe();
  socket.say(event("s1.1", null, "a"));
  assert.deepEqual(socket.of("unsubscribe"), [{ type: "unsubscribe", id: "s1.1" }]);
  live.close();
  assert.deepEqual(seen, []);
});

test("a handler that throws stops nobody", async () => {
  const errors: unknown[] = [];
  const { scripted, live } = begin({ onError: (error) => errors.push(error) });
  const seen: string[] = [];
  live.subscribe(
    "items",
    { from: "start" },
    {
      event: (_, frame) => {
        if (frame.cursor === "a") throw new Error("a mistake of the application");
        seen.push(frame.cursor);
      },
    },
  );
  const socket = await scripted.socket(1);
  socket.greet();
  socket.say(event("s1.1", null, "a"));
  socket.say(event("s1.1", "a", "b"));
  assert.deepEqual(seen, ["b"]);
  assert.equal(errors.length, 1);
  live.close();
});

test("a call whose answer was lost is sent again under the same key", async () => {
  const { scripted, live } = begin();
  const call = live.call("POST", "/v1/threads", { body: { name: "x" } });
  const first = await scripted.socket(1);
  first.greet();
  const [sent] = first.of("call");
  assert.ok(sent?.headers?.["Idempotency-Key"]);
  first.cut(1006);
  const second = await scripted.socket(2);
  second.greet();
  assert.deepEqual(second.of("call"), [sent]);
  second.say({ type: "result", id: sent.id, status: 201, body: { $id: "t" }, cursor: "a" });
  assert.deepEqual(await call, { status: 201, body: { $id: "t" }, cursor: "a" });
  live.close();
});

test("a call that cannot be repeated says that its outcome is unknown", async () => {
  const { scripted, live } = begin();
  const call = live.call("POST", "/v1/account/sessions/email", { body: {}, idempotencyKey: null });
  const socket = await scripted.socket(1);
  socket.greet();
  socket.cut(1006);
  await assert.rejects(call, (error: LiveError) => error.type === "outcome_unknown");
  live.close();
});

test("an error's answer is an error", async () => {
  const { scripted, live } = begin();
  const calls = [live.call("GET", "/v1/threads/t"), live.call("GET", "/v1/live")];
  const socket = await scripted.socket(1);
  socket.greet();
  const [first, second] = socket.of("call");
  const body = { type: "thread_not_found", message: "no thread" };
  socket.say({ type: "result", id: first?.id ?? "", status: 404, body });
  socket.say({ type: "error", id: second?.id ?? "", code: 400, errorType: "live_call_invalid", message: "path" });
  const results = await Promise.allSettled(calls);
  const types = results.map((result) => (result as PromiseRejectedResult).reason.type);
  assert.deepEqual(types, ["thread_not_found", "live_call_invalid"]);
  live.close();
});

test("waits grow to a bound and are anything below it", () => {
  const backoff = { first: 250, most: 30_000 };
  const longest = () => 1;
  assert.deepEqual(
    [0, 1, 2, 6, 7, 50, 5_000].map((tries) => wait(backoff, tries, longest)),
    [250, 500, 1_000, 16_000, 30_000, 30_000, 30_000],
  );
  assert.equal(
    wait(backoff, 7, () => 0),
    0,
  );
});

test("the address of the socket", () => {
  assert.equal(liveUrl("http://localhost:8080/v1"), "ws://localhost:8080/v1/live");
  assert.equal(liveUrl("https://a.example.com/p/x/v1/"), "wss://a.example.com/p/x/v1/live");
  assert.equal(liveUrl("https://a.example.com/v1", "my project"), "wss://a.example.com/v1/live?project=my+project");
});

test("a call that cannot be written is refused alone", async () => {
  const { scripted, live } = begin();
  const socket = await scripted.socket(1);
  socket.greet();
  const circle: { self?: object } = {};
  circle.self = circle;
  await assert.rejects(live.call("POST", "/v1/threads", { body: circle }), TypeError);
  await assert.rejects(live.call("POST", "/v1/threads", { body: "x".repeat(2 * 1024 * 1024) }), (error: LiveError) => {
    return error.code === 413 && error.type === "content_too_large";
  });
  assert.deepEqual(socket.of("call"), []);
  assert.equal(live.state, "connected");
  live.close();
});

test("what is asked for when the connection is told of is sent once", async () => {
  const scripted = new Scripted();
  const live = connect({
    endpoint: "http://server/v1",
    WebSocket: scripted.WebSocket,
    onState: (state) => {
      if (state !== "connected") return;
      live.subscribe("items", { from: "start" }, {});
      live.call("POST", "/v1/account/sessions/email", { idempotencyKey: null }).catch(() => {});
    },
  });
  const socket = await scripted.socket(1);
  socket.greet();
  assert.equal(socket.of("subscribe").length, 1);
  assert.equal(socket.of("call").length, 1);
  live.close();
});

test("who comes back as a guest is told that the session has ended", async () => {
  const { scripted, live } = begin({ key: undefined as unknown as string });
  const ended: Error[] = [];
  live.subscribe("items", {}, { ended: (reason) => ended.push(reason) });
  const first = await scripted.socket(1);
  first.greet("user:ann");
  first.cut(1006);
  const second = await scripted.socket(2);
  second.greet("guest");
  assert.equal(live.state, "closed");
  assert.deepEqual(ended.map((reason) => (reason as ClosedError).code), [4401]);
  assert.deepEqual(second.of("subscribe"), []);
});
