// The client against the real server: killed, stopped and started again on the same folder.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { WebSocket } from "ws";

import { type Item, type Live, LiveError, type State, type Thread, connect } from "../src/index.js";
import type { WebSocketConstructor } from "../src/websocket.js";
import { SKIPPED, Server } from "./server.js";

const BACKOFF = { first: 20, most: 300 };

let server: Server;
const open: Live[] = [];

before(async () => {
  if (!SKIPPED) server = await Server.start();
});

after(async () => {
  for (const live of open) live.close();
  await server?.remove();
});

function connected(options: { onState?: (state: State) => void } = {}): Live {
  const { endpoint, key } = server.announcement;
  const live = connect({ endpoint, key, backoff: BACKOFF, ...options });
  open.push(live);
  return live;
}

async function thread(live: Live, name: string): Promise<string> {
  const { body } = await live.call<Thread>("POST", "/v1/threads", { body: { threadId: "unique()", name } });
  return body.$id;
}

function post(live: Live, thread: string, text: string): Promise<unknown> {
  const body = { role: "user", parts: [{ type: "text", text }] };
  return live.call<Item>("POST", `/v1/threads/${thread}/items`, { body });
}

function textOf(item: Item | undefined): string {
  const part = item?.parts[0];
  return part?.type === "text" ? part.text : "";
}

/** Resolves when the list has so many entries; whoever adds one calls `look`. */
function counted(list: unknown[], count: number): { look(): void; reached: Promise<void> } {
  let look = () => {};
  const reached = new Promise<void>((resolve) => {
    look = () => {
      if (list.length >= count) resolve();
    };
  });
  return { look: () => look(), reached };
}

test("a wrong key is refused for good", { skip: SKIPPED }, async () => {
  const { endpoint, key } = server.announcement;
  const states: State[] = [];
  const live = connect({ endpoint, key: `${key.slice(0, -1)}x`, backoff: BACKOFF, onState: (state) => states.push(state) });
  await assert.rejects(live.call("GET", "/v1/threads"));
  assert.deepEqual(states, ["closed"]);
});

test("a thread that is not there ends its subscription", { skip: SKIPPED }, async () => {
  const live = connected();
  const reason = await new Promise<Error>((ended) => live.subscribe("threads/never", {}, { ended }));
  assert.ok(reason instanceof LiveError);
  assert.equal(reason.type, "thread_not_found");
});

test("a snapshot, then every change", { skip: SKIPPED }, async () => {
  const live = connected();
  const id = await thread(live, "snapshot");
  await post(live, id, "before");
  const seen: string[] = [];
  const all = counted(seen, 4);
  const calls: Promise<unknown>[] = [];
  live.subscribe(
    `threads/${id}`,
    {},
    {
      snapshot: (frame) => {
        seen.push(`${frame.thread?.name} ${frame.items?.map(textOf)}`);
        all.look();
      },
      caughtUp: () => {
        seen.push("caughtUp");
        all.look();
        calls.push(post(live, id, "after"));
        calls.push(live.call("PATCH", `/v1/threads/${id}`, { body: { name: "renamed" } }));
      },
      event: (event) => {
        seen.push(event.type);
        all.look();
      },
    },
  );
  await all.reached;
  await Promise.all(calls);
  assert.deepEqual(seen.slice(0, 2), ["snapshot before", "caughtUp"]);
  assert.deepEqual(seen.slice(2).sort(), ["item.posted", "thread.updated"]);
});

test("who is there is told, again after a loss of the server", { skip: SKIPPED }, async () => {
  const live = connected();
  const id = await thread(live, "signals");
  const seen: string[] = [];
  const all = counted(seen, 2);
  const there = new Promise<void>((told) => {
    live.subscribe(
      `threads/${id}`,
      { signals: true },
      {
        signals: (frame) => {
          seen.push(frame.present.map((principal) => principal.split(":")[0]).join());
          all.look();
          told();
        },
      },
    );
  });
  await there;
  await server.kill();
  await server.startAgain();
  await all.reached;
  assert.deepEqual([...new Set(seen)], ["key"]);
});

test("killed again and again, every item comes once, in order", { skip: SKIPPED }, async () => {
  const POSTS = 300;
  const writer = connected();
  const id = await thread(writer, "killed");
  const seen: string[] = [];
  const all = counted(seen, POSTS);
  const states: State[] = [];
  const reader = connected({ onState: (state) => states.push(state) });
  const subscription = reader.subscribe(
    `threads/${id}/items`,
    { from: "start" },
    {
      event: (event) => {
        if (event.type === "item.posted") seen.push(textOf(event.item));
        all.look();
      },
    },
  );
  const kills = new Set([60, 130, 131, 220]);
  for (let number = 0; number < POSTS; number += 1) {
    const posted = post(writer, id, String(number));
    if (kills.has(number)) {
      // With the post in flight: it is sent again with its key, and granted once.
      await server.kill();
      await server.startAgain();
    }
    await posted;
  }
  await all.reached;
  assert.deepEqual(
    seen,
    Array.from({ length: POSTS }, (_, number) => String(number)),
  );
  assert.ok(states.filter((state) => state === "lost").length >= 3, `${states}`);
  // The cursor outlives the connection, the process and this client.
  const cursor = subscription.cursor;
  assert.ok(cursor);
  await post(writer, id, "later");
  const later = await new Promise<string>((resolve) => {
    connected().subscribe(
      `threads/${id}/items`,
      { from: cursor },
      { event: (event) => event.type === "item.posted" && resolve(textOf(event.item)) },
    );
  });
  assert.equal(later, "later");
});

test("a stop and a start are a short loss", { skip: SKIPPED }, async () => {
  const live = connected();
  const id = await thread(live, "stopped");
  const seen: string[] = [];
  const all = counted(seen, 2);
  live.subscribe(
    `threads/${id}/items`,
    { from: "start" },
    {
      event: (event) => {
        if (event.type === "item.posted") seen.push(textOf(event.item));
        all.look();
      },
    },
  );
  await post(live, id, "1");
  await server.stop();
  const posted = post(live, id, "2");
  await server.startAgain();
  await posted;
  await all.reached;
  assert.deepEqual(seen, ["1", "2"]);
});

test("the package ws serves where the platform has no WebSocket", { skip: SKIPPED }, async () => {
  const { endpoint, key } = server.announcement;
  const live = connect({ endpoint, key, WebSocket: WebSocket as unknown as WebSocketConstructor });
  open.push(live);
  const { status } = await live.call("GET", "/v1/threads");
  assert.equal(status, 200);
});
