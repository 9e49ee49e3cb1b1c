// An app with Apollo's normalised cache. It reads every screen once; from then on it takes what its own mutations answer
// and what the feed brings, and never asks for a screen again.
//
// What an app for Evenkeel tells such a cache:
// - `possibleTypes`, from the schema, so that fragments on `Node` and `CheckInTime` match;
// - a `Node` is known by `__typename` and `id`, which is Apollo's default;
// - everything else (`Answer`, `Needs`, `Terms`, `LinkSide`, connections, …) is part of the object that it hangs on
//   (`keyFields: false`) and is replaced as a whole (`merge: false`), and so is every list. So each of them is read by one
//   fragment in all documents: a part of one would lose the rest;
// - `node(id:)` finds what is in the cache already, for an id begins with the name of its type;
// - the feed is no screen: only its newest batch is kept.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSchema, getNamedType, isAbstractType, isCompositeType, isListType, isNonNullType, isObjectType, parse, separateOperations } from "graphql";

// Apollo's warnings of lost data come only in its development form, and only if this is set before it is loaded.
globalThis.__DEV__ = true;
const { ApolloClient, ApolloLink, HttpLink, InMemoryCache } = await import("@apollo/client");
(await import("@apollo/client/dev")).loadDevMessages();

const here = dirname(fileURLToPath(import.meta.url));
export const schema = buildSchema(readFileSync(join(here, "../../../schema.graphql"), "utf8"));
const node = schema.getType("Node");

/** Every document by the name of its operation. */
export const documents = separateOperations(parse(readFileSync(join(here, "documents.graphql"), "utf8")));

const isList = (type) => isListType(isNonNullType(type) ? type.ofType : type);

/** What the cache needs to know of the schema; an app may generate it when it is built. */
function cacheOptions() {
  const possibleTypes = {};
  const typePolicies = {};
  for (const type of Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith("__"))) {
    if (isAbstractType(type)) possibleTypes[type.name] = schema.getPossibleTypes(type).map(({ name }) => name);
    if (!isObjectType(type)) continue;
    const lists = Object.values(type.getFields()).filter((field) => isList(field.type) && isCompositeType(getNamedType(field.type)));
    typePolicies[type.name] = {
      ...(!type.getInterfaces().includes(node) && { keyFields: false, merge: false }),
      fields: Object.fromEntries(lists.map(({ name }) => [name, { merge: false }])),
    };
  }
  // The roots are objects of their own.
  for (const root of ["Query", "Mutation", "Subscription"]) delete typePolicies[root];
  typePolicies.Query = {
    fields: {
      node: (found, { args, toReference }) => found ?? toReference({ __typename: args.id.split("_")[0], id: args.id }),
    },
  };
  typePolicies.Viewer.fields.changes = { keyArgs: false, merge: false };
  return { possibleTypes, typePolicies };
}

export const OPTIONS = cacheOptions();

export class App {
  /** `options`: of the cache. */
  constructor(url, person, options = OPTIONS) {
    this.name = person.name;
    this.asked = [];
    const count = new ApolloLink((operation, forward) => {
      this.asked.push(operation.operationName);
      return forward(operation);
    });
    const http = new HttpLink({ uri: `${url}/graphql`, headers: { Authorization: `Bearer ${person.token}` } });
    this.cache = new InMemoryCache(options);
    this.client = new ApolloClient({ link: ApolloLink.from([count, http]), cache: this.cache });
    this.screens = [];
  }

  /** Shows a screen from now on, as a component that watches its query does: what the cache lacks is asked for. */
  async open(name, variables = {}) {
    const screen = { name, variables, query: documents[name] };
    screen.watched = this.client.watchQuery({ query: screen.query, variables });
    await new Promise((resolve, reject) => {
      screen.seen = screen.watched.subscribe({
        next: (result) => {
          if (result.error) reject(result.error);
          if (result.dataState === "complete" && !result.loading) { screen.shown = result.data; resolve(); }
        },
        error: reject,
      });
    });
    this.screens.push(screen);
  }

  close() {
    for (const screen of this.screens) screen.seen.unsubscribe();
    this.client.stop();
  }

  /** Sends a mutation; `also` says what it took away. */
  async send(name, input, also = () => {}) {
    const update = (cache, { data }) => also(data[name], cache);
    const { data } = await this.client.mutate({ mutation: documents[name], variables: input && { input }, update });
    if (data[name].status === "REFUSED") throw new Error(`${name}: ${JSON.stringify(data[name].problems)}`);
    return data[name];
  }

  /**
   * Takes what is gone out of the cache; lists that name it no longer show it. `gc()` would take more: what is shown by
   * `node(id:)` alone, unless the app retains it.
   */
  forget(...ids) {
    for (const id of ids) this.cache.evict({ id: this.cache.identify({ __typename: id.split("_")[0], id }) });
  }

  /** Begins to follow: before anything is read, so that nothing is missed. */
  async follow() {
    const { viewer } = await this.read(undefined);
    this.cursor = viewer.changes.cursor;
  }

  async read(after) {
    return (await this.client.query({ query: documents.Sync, variables: { after }, fetchPolicy: "network-only" })).data;
  }

  /** Drains the feed. The objects of a batch are in the cache once it is read; what is left are the lists of the viewer. */
  async sync() {
    for (let more = true; more;) {
      const { viewer } = await this.read(this.cursor);
      const { changes, cursor, hasMore, resetRequired } = viewer.changes;
      if (resetRequired) throw new Error("the feed begins anew");
      for (const { nodeId, node: object } of changes) {
        if (object) this.list(viewer, object);
        else this.forget(nodeId);
      }
      [this.cursor, more] = [cursor, hasMore];
    }
  }

  /** Puts an object of the feed into those lists to which no object of the feed leads. */
  list(viewer, object) {
    const add = (field, objects, order) => this.cache.modify({
      id: this.cache.identify(viewer),
      fields: {
        [field]: (known, { readField, toReference }) => {
          const nodes = known.nodes ?? known;
          const others = objects.filter(({ id }) => !nodes.some((one) => readField("id", one) === id));
          const all = order([...others.map((one) => toReference(one)), ...nodes], readField);
          return known.nodes ? { ...known, nodes: all } : all;
        },
      },
    });
    const asTheyCome = (all) => all;
    if (object.__typename === "PartnerLink") {
      add("partnerLinks", [object], (all, read) => all.filter((one) => read("state", one) !== "ENDED"));
    }
    if (object.__typename === "Scene") {
      const byDue = (all, read) => all.toSorted((a, b) => read("dueAt", b).localeCompare(read("dueAt", a)));
      if (object.myCheckIns.length > 0) add("checkIns", object.myCheckIns, byDue);
      if (!object.link) add("soloScenes", [object], asTheyCome);
    }
    if (object.__typename === "JournalEntry") {
      add("journal", [object], (all, read) => all.toSorted((a, b) => read("writtenAt", b).localeCompare(read("writtenAt", a))));
    }
  }
}
