// The real server, as a process of its own on a folder that outlives it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The built program, if the environment names one. */
export const PROGRAM = process.env["EVERLOG_BIN"];

/** Why tests of the real server do not run, if they do not. */
export const SKIPPED = PROGRAM ? false : "EVERLOG_BIN names no server: set it to the built program";

export interface Announcement {
  endpoint: string;
  project: string;
  key: string;
}

export class Server {
  #child: ChildProcess | undefined;
  #listen = "127.0.0.1:0";
  announcement!: Announcement;

  private constructor(private readonly folder: string) {}

  static async start(): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "everlog-client-")));
    await server.startAgain();
    return server;
  }

  /** Starts on the same folder and the same address. */
  async startAgain(): Promise<void> {
    const args = ["dev", "--data", join(this.folder, "data"), "--listen", this.#listen, "--json"];
    const child = spawn(PROGRAM as string, args, { stdio: ["ignore", "pipe", "ignore"] });
    this.#child = child;
    const lines = createInterface({ input: child.stdout! });
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the server ended with ${code}`);
    });
    // When it ends later, nobody waits for this any more.
    ended.catch(() => {});
    const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
    this.announcement = JSON.parse(line);
    this.#listen = new URL(this.announcement.endpoint).host;
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async remove(): Promise<void> {
    await this.#end("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}
