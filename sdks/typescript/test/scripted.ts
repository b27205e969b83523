// A WebSocket whose server is the test: what is sent is kept, what is answered is said by hand.

import type { ClientFrame, ServerFrame } from "../src/frames.js";
import type { WebSocketLike } from "../src/websocket.js";

export class Scripted {
  /** The sockets in the order in which they were opened. */
  readonly sockets: ScriptedSocket[] = [];
  readonly WebSocket: new (url: string) => WebSocketLike;
  #opened: (() => void)[] = [];

  constructor() {
    const { sockets } = this;
    const opened = () => this.#opened.splice(0).forEach((tell) => tell());
    this.WebSocket = class extends ScriptedSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
        queueMicrotask(opened);
      }
    };
  }

  /** The socket number `number`, from 1, as soon as it was opened. */
  async socket(number: number): Promise<ScriptedSocket> {
    while (this.sockets.length < number) await new Promise<void>((tell) => this.#opened.push(tell));
    return this.sockets[number - 1] as ScriptedSocket;
  }
}

export class ScriptedSocket implements WebSocketLike {
  readyState = 1;
  onopen = null;
  onerror = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  readonly sent: ClientFrame[] = [];

  constructor(readonly url: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  /** Says a frame of the server. */
  say(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  greet(principal = "key:k"): void {
    this.say({ type: "connected", project: "demo", principal });
  }

  /** Closes from the server's side. */
  cut(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }

  /** Frames of a type that were sent. */
  of<T extends ClientFrame["type"]>(type: T): Extract<ClientFrame, { type: T }>[] {
    return this.sent.filter((frame) => frame.type === type) as Extract<ClientFrame, { type: T }>[];
  }
}
