// A real Evenkeel in a folder of its own, the people who use it, and the mails that it would have sent.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PASSWORD = "four calm boats on a lake";

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until `look` gives something, for at most half a minute. */
export async function until(what, look) {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = await look();
    if (found) return found;
    await pause(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Undoes quoted-printable (RFC 2045, 6.7). */
const decode = (text) =>
  Buffer.from(
    text.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");

export class Service {
  /** `host`: under which name of this machine it is reached; passkeys need one, and take `localhost`. */
  static async start(binary, settings = {}, host = "127.0.0.1") {
    const service = new Service();
    service.folder = mkdtempSync(join(tmpdir(), "evenkeel-browser-"));
    const port = await freePort();
    service.url = `http://${host}:${port}`;
    // Nothing of the caller's own settings reaches it.
    const env = { PATH: process.env.PATH, EVENKEEL_LISTEN: `127.0.0.1:${port}`, EVENKEEL_DATA_DIR: service.folder };
    Object.assign(env, { RUST_LOG: "warn", EVENKEEL_PUBLIC_URL: service.url, ...settings });
    service.process = spawn(binary, { cwd: service.folder, env, stdio: ["ignore", "inherit", "inherit"] });
    service.process.on("error", (error) => { service.failed = error; });
    // Whatever ends this program, it leaves no service behind.
    process.once("exit", () => service.process.kill("SIGKILL"));
    await until("the service", async () => {
      if (service.failed || service.process.exitCode !== null) throw service.failed ?? new Error("the service ended");
      return fetch(`${service.url}/healthz`).then((answer) => answer.ok, () => false);
    });
    return service;
  }

  async stop() {
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      this.process.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async ask(query, variables = {}, token = undefined) {
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    const body = JSON.stringify({ query, variables });
    const answer = await (await fetch(`${this.url}/graphql`, { method: "POST", headers, body })).json();
    if (answer.errors) throw new Error(JSON.stringify(answer.errors));
    return answer.data;
  }

  /** Every mail so far: its raw form, to whom, its first link, and the lines of its text. */
  mails() {
    const folder = join(this.folder, "outbox");
    return readdirSync(folder).filter((name) => name.endsWith(".eml")).map((name) => {
      const raw = readFileSync(join(folder, name), "latin1");
      const to = /^To: (.*)$/m.exec(raw)[1].trim();
      // To the next boundary: two hyphens also begin the foot of a mail.
      const boundary = /boundary="([^"]+)"/.exec(raw)[1];
      const part = raw.split(`--${boundary}`).find((one) => one.includes("Content-Type: text/plain"));
      const text = decode(part.slice(part.indexOf("\r\n\r\n") + 4));
      const links = text.split(/\r?\n/).filter((line) => line.startsWith("http"));
      return { raw, to, text, link: links[0], links };
    });
  }

  /** The link of the mail to somebody that leads to such a page. */
  link(to, page, seen = []) {
    return until(`a mail to ${to} with a link to ${page}`, () =>
      this.mails().find((mail) => mail.to === to && mail.link.includes(page) && !seen.includes(mail.link))?.link);
  }

  /** Opens the mail that confirms the address, as an app would, and chooses the password. */
  async choosePassword({ verify }) {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(verify, { method: "POST", headers, body: JSON.stringify({ password: PASSWORD }) });
    if (answer.status !== 200) throw new Error(`the password was not taken: ${answer.status}`);
  }

  async signUp(name) {
    const email = `${name.toLowerCase()}@example.org`;
    const { consentTexts: consents } = await this.ask("{ consentTexts { kind version } }", {});
    const input = { email, displayName: name, zone: "UTC", consents };
    await this.ask("mutation($i: SignUpInput!) { signUp(input: $i) { status } }", { i: input });
    return { name, email, verify: await this.link(email, "/verify/") };
  }

  /** Logs in; nobody has quiet hours here, so that questions come at once. */
  async logIn(person) {
    const query = "mutation($i: LogInInput!) { logIn(input: $i) { outcome { ... on SessionTokens { accessToken } } } }";
    const data = await this.ask(query, { i: { email: person.email, password: PASSWORD } });
    person.token = data.logIn.outcome.accessToken;
    await this.ask("mutation { updateProfile(input: { quietHours: null }) { status } }", {}, person.token);
  }

  async tie(one, other) {
    const invited = await this.ask("mutation { invitePartner(input: { role: SWITCH }) { code } }", {}, one.token);
    const accept = "mutation($c: String!) { acceptInvitation(input: { code: $c, role: SWITCH }) { link { id } } }";
    return (await this.ask(accept, { c: invited.invitePartner.code }, other.token)).acceptInvitation.link.id;
  }

  /** A scene that ended a little more than an hour ago: both are asked at once. */
  async scene(person, linkId) {
    const at = new Date(Date.now() - 61 * 60 * 1000).toISOString();
    const input = { linkId, setting: "ONLINE", intensity: 3, startedAt: at, endedAt: at };
    await this.ask("mutation($i: RecordSceneInput!) { recordScene(input: $i) { status } }", { i: input }, person.token);
  }
}
