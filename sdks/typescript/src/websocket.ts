/** The part of the browsers' WebSocket that is used. */
export interface WebSocketLike {
  readonly readyState: number;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: { data: any }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** The given constructor, or the platform's, or that of the package `ws` (Node.js before 22 has none of its own). */
export async function findWebSocket(given?: WebSocketConstructor): Promise<WebSocketConstructor> {
  if (given) return given;
  const own = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (own) return own;
  try {
    return (await import("ws")).WebSocket as unknown as WebSocketConstructor;
  } catch (cause) {
    throw new Error("this platform has no WebSocket: install the package ws, or give one in the options", { cause });
  }
}

/** The address of the live socket below an endpoint such as `https://host/v1`. */
export function liveUrl(endpoint: string, project?: string): string {
  const url = new URL(endpoint.replace(/\/+$/, "") + "/live");
  url.protocol = url.protocol === "https:" || url.protocol === "wss:" ? "wss:" : "ws:";
  if (project) url.searchParams.set("project", project);
  return url.href;
}
