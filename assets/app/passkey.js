// Passkeys, where the browser has them: made, and shown in place of a password.
import { ask, askOpenly, askToLogIn, change, gql } from "./api.js";

const { PublicKeyCredential: Credential } = self;

export const isPossible = () =>
  Boolean(Credential?.parseRequestOptionsFromJSON && Credential?.parseCreationOptionsFromJSON);

/** Whoever closes the browser's window wants nothing more, and some addresses can have none: neither is a fault. */
const TOLD = ["NotAllowedError", "AbortError", "InvalidStateError", "SecurityError"];

async function ceremony(begun, act) {
  if (!begun.begun) return { problems: begun.problems };
  const { ceremony: id, options } = begun.begun;
  try {
    return { ceremony: id, credential: JSON.stringify((await act(JSON.parse(options))).toJSON()) };
  } catch (error) {
    if (!TOLD.includes(error.name)) throw error;
    return { problems: [{ field: "", sentence: "That did not work, or you stopped it. You can try again." }] };
  }
}

const shown = (options) => navigator.credentials.get({ publicKey: Credential.parseRequestOptionsFromJSON(options) });
const made = (options) => navigator.credentials.create({ publicKey: Credential.parseCreationOptionsFromJSON(options) });

/** Logs in: `tokens`, or `problems`. */
export async function logIn(deviceLabel) {
  const begin = gql`mutation { beginPasskeyLogIn { begun { ceremony options } problems { field sentence } } }`;
  const answer = await ceremony((await askOpenly(begin)).beginPasskeyLogIn, shown);
  if (answer.problems) return answer;
  const finish = gql`mutation($input: FinishPasskeyLogInInput!) { finishPasskeyLogIn(input: $input) {
    tokens { accessToken accessTokenExpiresAt refreshToken } problems { field sentence } } }`;
  return (await askToLogIn(finish, { ...answer, deviceLabel })).finishPasskeyLogIn;
}

/** Shows once more who it is; problems, if there are any. */
export async function prove() {
  const begin = gql`mutation { beginPasskeyReauthentication { begun { ceremony options } problems { field sentence } } }`;
  const answer = await ceremony((await ask(begin)).beginPasskeyReauthentication, shown);
  if (answer.problems) return answer.problems;
  const finish = gql`mutation($input: FinishPasskeyReauthenticationInput!) { finishPasskeyReauthentication(input: $input) {
    status problems { field sentence } } }`;
  return (await change(finish, answer)).problems;
}

/** Makes one; its payload may ask for a proof. */
export async function make(label) {
  const begin = gql`mutation { beginPasskeyRegistration { status begun { ceremony options }
    problems { field code sentence } } }`;
  const begun = (await ask(begin)).beginPasskeyRegistration;
  const answer = await ceremony(begun, made);
  if (answer.problems) return answer;
  const finish = gql`mutation($input: FinishPasskeyRegistrationInput!) { finishPasskeyRegistration(input: $input) {
    status problems { field code sentence } } }`;
  return change(finish, { ...answer, label });
}
