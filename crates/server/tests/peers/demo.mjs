// The demonstration page in Chromium, used as a person would: node demo.mjs URL CHROMIUM [FOLDER FOR PICTURES]
// Says `done` at the end, or what was not as it should be.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url, executablePath, pictures] = process.argv.slice(2);
const PATIENCE_MS = 300_000;
const args = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const browser = await chromium.launch({ executablePath, args, timeout: PATIENCE_MS });

/** A page of its own browser context, as somebody else's browser has one. */
async function visit(options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || complaints.push(request.url()));
  await page.goto(url);
  await page.locator("#transport", { hasText: "WebSocket" }).waitFor();
  return { context, page, complaints };
}

const row = (page, text) => page.locator("#log tr", { hasText: text });
const answer = (data, count) => `42/test,["my_response",${JSON.stringify({ count, data })}]`;
const type = async (page, form, text) => {
  const input = page.locator(`#${form} input`);
  await input.click({ clickCount: 3 });
  await input.pressSequentially(text);
  await input.press("Enter");
};

const one = await visit();
const two = await visit();

// The greeting, and the way up from polling.
await row(one.page, answer("Connected", 0)).waitFor();

// An echo comes to whoever asked, with its latency, and to nobody else.
await type(one.page, "echo", "hello from one");
const echoed = row(one.page, answer("hello from one", 1));
await echoed.waitFor();
assert.match(await echoed.locator("td").nth(0).innerText(), /^↓ websocket$/);
assert.match(await echoed.locator("td").nth(3).innerText(), /^\d+\.\d ms$/);

// A broadcast comes to both; the button works as well as the key.
await one.page.locator("#broadcast input").pressSequentially("to everybody");
await one.page.locator("#broadcast button").click();
for (const { page } of [one, two]) await row(page, answer("to everybody", 2)).waitFor();
assert.equal(await row(two.page, "hello from one").count(), 0);

// Asked to disconnect, the server answers and then does.
await one.page.locator("#disconnect button", { hasText: /^Disconnect$/ }).click();
await row(one.page, `42/test,3["my_response",${JSON.stringify({ count: 3, data: "Disconnected!" })}]`).waitFor();
await one.page.locator("#transport", { hasText: "disconnected" }).waitFor();
await row(one.page, "41/test,").waitFor();
for (const button of ["#echo button", "#broadcast button"]) assert.ok(await one.page.locator(button).isDisabled(), button);
assert.ok(await one.page.locator("#reconnect").isEnabled());

// And is there again, as a new session that counts from the beginning; the other page went on meanwhile.
await one.page.locator("#reconnect").click();
await one.page.locator("#transport", { hasText: "WebSocket" }).waitFor();
await type(two.page, "broadcast", "back again");
for (const { page } of [one, two]) await row(page, answer("back again", 1)).waitFor();
await type(one.page, "echo", "anew");
await row(one.page, answer("anew", 1)).waitFor();

// Every lane has the stream.
for (const lane of await one.page.locator(".lane").all()) {
  await lane.locator("ol li").nth(1).waitFor();
  const [requests, messages, bytes] = await lane.locator("dd").allInnerTexts();
  for (const number of [requests, messages, bytes]) assert.ok(Number(number.replaceAll(",", "")) > 0, await lane.innerText());
}
assert.deepEqual([...one.complaints, ...two.complaints], []);

// Nothing is wider than a phone, in both schemes.
for (const [name, width, height] of [["desktop", 1280, 900], ["phone", 360, 780]]) {
  for (const colorScheme of ["light", "dark"]) {
    const { context, page, complaints } = await visit({ viewport: { width, height }, colorScheme });
    await type(page, "echo", "a message that is long enough to be wrapped on a narrow screen, and then some");
    await row(page, "my_response").first().waitFor();
    await page.locator(".lane ol li").first().waitFor();
    const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= screen, `${name}: ${content} px on a screen of ${screen}`);
    if (pictures) await page.screenshot({ path: `${pictures}/demo-${name}-${colorScheme}.png`, fullPage: true });
    assert.deepEqual(complaints, []);
    await context.close();
  }
}
await browser.close();
console.log("done");
