// How many tokens texts take: a JSON array of texts on stdin, a JSON array of counts on stdout.
//
// The vocabulary is o200k_base, which the package carries in itself.

import { text } from "node:stream/consumers";
import { Tiktoken } from "js-tiktoken/lite";
import vocabulary from "js-tiktoken/ranks/o200k_base";

const encoding = new Tiktoken(vocabulary);
const texts = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(texts.map((it) => encoding.encode(it, [], []).length)));
