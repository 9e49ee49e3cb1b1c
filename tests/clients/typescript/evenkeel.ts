// A client for Evenkeel's API in a hundred lines: typed documents in, typed data out; a mutation is sent once, however
// often it has to be tried; what did not change is not sent again.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { randomUUID } from "node:crypto";
import { print } from "graphql";
import type { ErrorCode } from "./generated/codes.js";

/** A fault, or a missing sign-in. Whatever can be expected is data: `status` and `problems`. */
export class ApiError extends Error {
  constructor(readonly code: ErrorCode | "UNKNOWN", message: string, readonly retryAfterSeconds?: number) {
    super(message);
  }
}

type Tried = { tag: string; data: unknown };
type Failure = { message: string; path?: (string | number)[]; extensions?: Record<string, unknown> };

export class Evenkeel {
  token?: string;
  /** The paths of what could not be read in the last answer: null there means neither "none" nor "empty". */
  unread: string[] = [];
  private readonly kept = new Map<string, Tried>();

  /** `trusted`: whether documents are named by their hash, as the server's list of trusted documents has them. */
  constructor(readonly url: string, private readonly trusted = false) {}

  private headers(): Record<string, string> {
    const accept = "application/graphql-response+json, application/json;q=0.9";
    return this.token ? { Accept: accept, Authorization: `Bearer ${this.token}` } : { Accept: accept };
  }

  private named(document: TypedDocumentNode<unknown, never>): Record<string, unknown> {
    const hash = (document as { __meta__?: { hash?: string } }).__meta__?.hash;
    return this.trusted ? { documentId: hash } : { query: print(document) };
  }

  private async read<Data>(answer: Response): Promise<Data> {
    const { data, errors = [] } = await answer.json() as { data?: Data; errors?: Failure[] };
    // A fault nulls its own field: what was asked for is there, without that.
    const partial = data != null && errors.every(({ path, extensions }) => {
      const root = path?.length && path.length > 1 ? (data as Record<string, unknown>)[String(path[0])] : null;
      return extensions?.code === "INTERNAL" && root != null;
    });
    if (errors.length > 0 && !partial) {
      const { message, extensions } = errors[0];
      const code = (extensions?.code ?? "UNKNOWN") as ErrorCode;
      throw new ApiError(code, message, extensions?.retryAfterSeconds as number | undefined);
    }
    this.unread = errors.map(({ path = [] }) => path.join("."));
    return data as Data;
  }

  /** Sends a document. A mutation carries an idempotency key, so that a second try does nothing twice. */
  async send<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
    const headers = { ...this.headers(), "Content-Type": "application/json", "Idempotency-Key": randomUUID() };
    const body = JSON.stringify({ ...this.named(document as TypedDocumentNode<unknown, never>), variables });
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.read<Data>(await fetch(`${this.url}/graphql`, { method: "POST", headers, body }));
      } catch (failure) {
        if (failure instanceof ApiError || tries === 3) throw failure;
      }
    }
  }

  /** Asks a trusted query again; what the server says is the same comes from memory. `fresh`: whether it was sent anew. */
  async again<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<{ data: Data; fresh: boolean }> {
    const { documentId } = this.named(document as TypedDocumentNode<unknown, never>);
    const query = new URLSearchParams({ documentId: String(documentId), variables: JSON.stringify(variables) });
    const url = `${this.url}/graphql?${query}`;
    const kept = this.kept.get(url);
    const answer = await fetch(url, { headers: { ...this.headers(), ...(kept && { "If-None-Match": kept.tag }) }, cache: "no-store" });
    if (answer.status === 304 && kept) return { data: kept.data as Data, fresh: false };
    const data = await this.read<Data>(answer);
    const tag = answer.headers.get("ETag");
    if (tag) this.kept.set(url, { tag, data });
    return { data, fresh: true };
  }
}

/**
 * What a service worker does when an action of a notification is tapped: the address is the notification's `navigate`. Who
 * lost the answer sends the same again, with the same attempt.
 */
export async function answerFromNotification(
  navigate: string,
  reply: { mood: number } | { skip: true } | { minutes: number },
  attempt: string = crypto.randomUUID(),
): Promise<"OPEN" | "SETTLED"> {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const answer = await fetch(navigate, { method: "POST", headers, body: JSON.stringify({ ...reply, attempt }) });
  const said = await answer.json() as { state: "OPEN" | "SETTLED"; type?: string; title?: string };
  if (!answer.ok) throw new Error(`${said.type}: ${said.title}`);
  return said.state;
}
