// Opens every page of a folder in headless Chromium as readers do, wide, middling and narrow, light, dark and on paper, and says
// what they would stumble over: sideways scroll, texts over each other or cut off, messages on the console, requests to
// anywhere, and what axe-core finds. It judges pages and knows nothing of records; `browser.rs` renders them.
//
//   node check.mjs DIR          every *.html under DIR; exit 1 if anything was found, with a picture of each view that has something
//   node check.mjs DIR --pictures                       a picture of every view
import { readFileSync, readdirSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Only a hang gets there.
const PATIENCE_MS = 600_000;
const WIDTHS = [1440, 768, 390];
// Colours do not depend on the width, nor places on the colours, so one width is enough of the dark.
// What axe sees hardly depends on the width either: the narrowest in light and the widest in dark have all there is.
// Paper has one width: A4 less its margins at 96 dots an inch. It is light whatever the screen is, so it is asked for in the dark.
const VIEWS = [
  ...WIDTHS.map(width => ({ width, scheme: 'light', media: 'screen', axe: width === Math.min(...WIDTHS) })),
  { width: WIDTHS[0], scheme: 'dark', media: 'screen', axe: true },
  { width: 718, scheme: 'dark', media: 'print', axe: false },
];

/** Runs inside the page: everything that is out of its place, as sentences. */
function layout(print) {
  const found = [];
  const say = text => found.length < 12 && found.push(text);
  const words = element => (element.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 50);
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    say(`the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth}`);
  }
  const shown = element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const scrolls = element => {
    for (let at = element; at; at = at.parentElement) {
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return at;
    }
    return null;
  };

  // Nothing may reach beyond the window but what lies in something that scrolls by itself. On paper nothing scrolls.
  for (const element of document.body.querySelectorAll('*')) {
    if (!shown(element) || element.closest('.skip')) continue;
    const box = element.getBoundingClientRect();
    if (box.width && (print || !scrolls(element)) && (box.right > root.clientWidth + 1 || box.left < -1)) {
      say(`<${element.tagName.toLowerCase()}> “${words(element)}” reaches from ${Math.round(box.left)} to ${Math.round(box.right)} px`);
    }
    const style = getComputedStyle(element);
    if (style.overflowX === 'hidden' && element.scrollWidth > element.clientWidth + 1) say(`cut off: “${words(element)}”`);
  }

  // Texts of a drawing: inside it, and not over each other.
  for (const svg of document.querySelectorAll('svg[role=img]')) {
    if (!shown(svg)) continue;
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(text => ({ text, box: text.getBoundingClientRect() })).filter(t => t.box.width);
    texts.forEach(({ text, box }, n) => {
      // Drawings do not clip, and the page leaves 16 px beside them: half a tick's label may stand there.
      if (box.left < frame.left - 16 || box.right > frame.right + 16 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) {
        say(`in “${words(svg.querySelector('title'))}”: “${words(text)}” leaves the drawing`);
      }
      for (const other of texts.slice(n + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        // A line box is taller than its letters: boxes may touch by a third before letters do.
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        if (across > 1.5 && down > Math.min(box.height, other.box.height) * 0.34) {
          say(`in “${words(svg.querySelector('title'))}”: “${words(text)}” lies on “${words(other.text)}”`);
        }
      }
    });
  }

  // Blocks that follow each other do not overlap, and cells of a table hold what is in them.
  for (const parent of document.querySelectorAll('main, section, figure, .page, header, tr, dl')) {
    const blocks = [...parent.children].filter(c => shown(c) && getComputedStyle(c).position === 'static');
    blocks.slice(1).forEach((block, n) => {
      const [a, b] = [blocks[n].getBoundingClientRect(), block.getBoundingClientRect()];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1) say(`“${words(blocks[n])}” lies on “${words(block)}”`);
    });
  }
  for (const cell of document.querySelectorAll('td, th, dt, dd, li, p, h1, h2, h3, h4')) {
    if (shown(cell) && cell.scrollWidth > cell.clientWidth + 1 && cell.clientWidth) say(`too wide for its box: “${words(cell)}”`);
  }
  return found;
}

/** What is wrong with one view of a page, as sentences. */
async function look(browser, file, view, pictures) {
  const problems = [];
  const name = `${basename(file)} ${view.width} ${view.scheme}${view.media === 'print' ? ' print' : ''}`;
  const context = await browser.newContext({ viewport: { width: view.width, height: 1000 }, colorScheme: view.scheme });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const url = pathToFileURL(file).href;
  page.on('console', message => problems.push(`${name}: console: ${message.text()}`));
  page.on('pageerror', error => problems.push(`${name}: error: ${error.message}`));
  page.on('request', request => {
    if (request.url() !== url && !request.url().startsWith('data:')) problems.push(`${name}: asks for ${request.url()}`);
  });
  await page.emulateMedia({ media: view.media, colorScheme: view.scheme });
  await page.goto(url, { waitUntil: 'load' });
  // As a reader meets it, and with everything open.
  for (const open of [false, true]) {
    if (open) await page.evaluate(() => document.querySelectorAll('details').forEach(details => (details.open = true)));
    const found = await page.evaluate(layout, view.media === 'print');
    problems.push(...found.map(text => `${name}${open ? ', all open' : ''}: ${text}`));
  }
  if (view.axe) {
    // Evaluated by the debugger and not as a script of the page: its policy allows none, and stays as it is.
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    for (const { id, help, nodes } of violations) {
      problems.push(`${name}: axe ${id}: ${help} (${nodes.length} times, such as ${nodes[0].html.slice(0, 120)})`);
    }
  }
  if (everyPicture || problems.length) {
    const picture = `${basename(file, '.html')}-${view.width}-${view.media === 'print' ? 'print-' : ''}${view.scheme}.png`;
    await page.screenshot({ path: join(pictures, picture), fullPage: true });
  }
  await context.close();
  return problems;
}

const dir = resolve(process.argv[2]);
const everyPicture = process.argv.includes('--pictures');
const pages = readdirSync(dir).filter(file => file.endsWith('.html')).sort();
if (pages.length === 0) throw new Error(`${dir} has no page`);
const pictures = join(dir, 'pictures');
mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  timeout: PATIENCE_MS,
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const problems = [];
// Two at a time: each page has a process of its own.
const looks = pages.flatMap(file => VIEWS.map(view => ({ file, view })));
const work = async () => {
  for (let next; (next = looks.shift()); ) problems.push(...(await look(browser, join(dir, next.file), next.view, pictures)));
};
await Promise.all([work(), work()]);
await browser.close();
problems.forEach(problem => console.log(problem));
console.log(`${pages.length} pages, ${VIEWS.length} views each, ${problems.length} problems; pictures in ${pictures}`);
process.exit(problems.length ? 1 : 0);
