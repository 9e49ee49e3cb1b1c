// Push on this device: asked for, renewed and given up.
import { ask, askOpenly, change, gql } from "./api.js";
import * as desk from "./local_store.js";

const REGISTER = gql`mutation($input: RegisterDeviceInput!) { registerDevice(input: $input) {
  status device { id } problems { field sentence } } }`;
const REMOVE = gql`mutation($input: RemoveDeviceInput!) { removeDevice(input: $input) { status } }`;

export const isPossible = () => "PushManager" in self && "serviceWorker" in navigator;

const bytes = (text) => {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
};

/** What this device is registered as: its id, its name, whether its words are fuller; nothing if it is not. */
export const here = () => desk.get("device");

/** Lets this device take push; problems, if there are any. */
export async function start(label, fullerWords) {
  const { server } = await askOpenly(gql`{ server { vapidPublicKey } }`);
  // Not `ready`, which never comes where there is none.
  const worker = await desk.worker();
  const asked = { userVisibleOnly: true, applicationServerKey: bytes(server.vapidPublicKey) };
  const subscription = await worker?.pushManager.subscribe(asked).catch(() => undefined);
  if (!subscription)
    return [{ field: "", sentence: "The browser could not reach its push service. Please try again later." }];
  const { endpoint, keys } = subscription.toJSON();
  const { device, problems } = await change(REGISTER, { endpoint, ...keys, label, fullerWords });
  if (device) await desk.put("device", { id: device.id, label, fullerWords });
  return problems;
}

/** Takes the device off: first here, so that nothing shows on it any more, then at the service. */
export async function stop() {
  const device = await here();
  await desk.unsubscribe();
  if (!device) return;
  await desk.put("device", undefined);
  await change(REMOVE, { deviceId: device.id });
}

/** The browser gave the device another address. */
export async function renewHere() {
  const device = await here();
  if (device) await start(device.label, device.fullerWords);
}

/** Forgets a device that was removed elsewhere. */
export async function check() {
  const device = await here();
  if (!device) return;
  const { viewer } = await ask(gql`{ viewer { devices { id } } }`);
  if (!viewer.devices.some(({ id }) => id === device.id)) await stop().catch(() => {});
}
