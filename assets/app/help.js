// Help: plain words on what may come, and whom one can call. Nobody need be signed in.
import { askOpenly, gql } from "./api.js";
import { h } from "./dom.js";

const GUIDANCE = gql`{ guidance { topics { title paragraphs }
  helpLines { sentence lines { country name phone url hours } } } }`;

/** All texts, the help lines first: whoever needs them should not have to look. */
export async function help() {
  const { topics, helpLines } = (await askOpenly(GUIDANCE)).guidance;
  const line = ({ country, name, phone, url, hours }) =>
    h(
      "li",
      {},
      `${name} (${country}) `,
      phone && h("a", { href: `tel:${phone.replace(/[^+\d]/g, "")}` }, phone),
      phone && url && ", ",
      url && h("a", { href: url, rel: "noreferrer" }, url),
      hours && `, ${hours}`,
    );
  return {
    title: "Help",
    body: [
      h(
        "section",
        { class: "card" },
        h("h2", {}, "Whom you can call"),
        h("p", {}, helpLines.sentence),
        h("ul", { class: "list" }, helpLines.lines.map(line)),
      ),
      topics.map(({ title, paragraphs }) =>
        h(
          "details",
          {},
          h("summary", {}, title),
          paragraphs.map((paragraph) => h("p", {}, paragraph)),
        ),
      ),
    ],
  };
}
