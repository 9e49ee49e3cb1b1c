// A push service and the half of a browser that a closed network keeps out of reach: it takes what the program sends,
// and opens it (RFC 8291, RFC 8188) with the keys that the page was given.
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { until } from "./service.mjs";

const open = (ecdh, auth, body) => {
  const salt = body.subarray(0, 16);
  const sender = body.subarray(21, 21 + body[20]);
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), ecdh.getPublicKey(), sender]);
  const key = Buffer.from(hkdfSync("sha256", ecdh.computeSecret(sender), auth, info, 32));
  const derive = (label, length) => Buffer.from(hkdfSync("sha256", key, salt, `Content-Encoding: ${label}\0`, length));
  const sealed = body.subarray(21 + body[20]);
  const decipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
  decipher.setAuthTag(sealed.subarray(-16));
  const text = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  // One record: the text, a 2, and zeros.
  return text.subarray(0, text.lastIndexOf(2)).toString("utf8");
};

export class PushService {
  static async start() {
    const service = new PushService();
    service.devices = new Map();
    service.server = createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const device = service.devices.get(request.url);
        const body = Buffer.concat(chunks);
        if (device)
          device.pushes.push({
            size: body.length,
            headers: request.headers,
            data: open(device.ecdh, device.auth, body),
          });
        response.writeHead(device ? 201 : 410).end();
      });
    });
    await new Promise((resolve) => service.server.listen(0, "127.0.0.1", resolve));
    service.origin = `http://127.0.0.1:${service.server.address().port}`;
    return service;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }

  /** A device, with what `PushSubscription.toJSON()` would give. */
  device() {
    const ecdh = createECDH("prime256v1");
    const auth = randomBytes(16);
    const path = `/push/${randomBytes(8).toString("hex")}`;
    const keys = { p256dh: ecdh.generateKeys("base64url"), auth: auth.toString("base64url") };
    const device = { ecdh, auth, pushes: [], json: { endpoint: this.origin + path, keys } };
    this.devices.set(path, device);
    return device;
  }

  /** Puts a device in the place of the browser's own, which no push service outside can be reached for. */
  static async lend(context, device) {
    await context.addInitScript((json) => {
      const subscription = { endpoint: json.endpoint, toJSON: () => json, unsubscribe: async () => true };
      PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
        if (!userVisibleOnly || applicationServerKey.length !== 65) throw new TypeError("not what a browser takes");
        return subscription;
      };
      PushManager.prototype.getSubscription = async () => subscription;
    }, device.json);
  }
}

/** The service worker of a browser, woken by pushes as they were opened. */
export class Screen {
  static async of(page, scope) {
    const screen = new Screen();
    const context = page.context();
    screen.page = page;
    screen.worker = await until("the service worker", () => context.serviceWorkers()[0]);
    screen.cdp = await context.newCDPSession(page);
    const found = new Promise((resolve) => {
      screen.cdp.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
        const registration = registrations.find(({ scopeURL, isDeleted }) => scopeURL === scope && !isDeleted);
        if (registration) resolve(registration.registrationId);
      });
    });
    await screen.cdp.send("ServiceWorker.enable");
    screen.registrationId = await found;
    screen.origin = new URL(scope).origin;
    return screen;
  }

  /** Delivers a push, and gives what the screen shows then. */
  async deliver(data) {
    const times = async () => JSON.stringify((await this.shown()).map(({ timestamp }) => timestamp));
    const before = await times();
    const { registrationId, origin } = this;
    await this.cdp.send("ServiceWorker.deliverPushMessage", { origin, registrationId, data });
    await until("a notification", async () => (await times()) !== before);
    return this.shown();
  }

  shown() {
    return this.page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration("/app");
      const shown = await registration.getNotifications();
      return shown.map(({ title, body, tag, actions, data, timestamp }) => ({
        title,
        body,
        tag,
        actions,
        data,
        timestamp,
      }));
    });
  }

  /** Taps a notification, or an action of it; the addresses that this opened. No real tap can be made from outside. */
  async tap(tag, action = "") {
    return this.worker.evaluate(
      async ([tag, action]) => {
        const [notification] = await self.registration.getNotifications({ tag });
        const opened = [];
        const { openWindow } = self.clients;
        const { focus } = WindowClient.prototype;
        self.clients.openWindow = async (address) => {
          opened.push(address);
        };
        WindowClient.prototype.focus = async function focused() {
          return this;
        };
        const event = new NotificationEvent("notificationclick", { notification, action });
        let done;
        event.waitUntil = (promise) => {
          done = promise;
        };
        self.dispatchEvent(event);
        await done.catch((error) => opened.push(String(error)));
        self.clients.openWindow = openWindow;
        WindowClient.prototype.focus = focus;
        return opened;
      },
      [tag, action],
    );
  }
}
