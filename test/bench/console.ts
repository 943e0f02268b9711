/** The console's first paint in a browser, against the page's own answer: what the application costs on top. */
import { launch, newPage, noBrowser } from "../console/browser.ts";
import { startInstance } from "../instance.ts";
import { print, skipped, type Row } from "./parts/row.ts";

const visits = 5;

interface Times {
  answered: number;
  painted: number;
}

/** Runs in the page, as text because it is a program of the browser: milliseconds since the navigation began. */
const times = `new Promise((resolve) => {
  const [navigation] = performance.getEntriesByType("navigation");
  new PerformanceObserver((list, observer) => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (!paint) return;
    observer.disconnect();
    resolve({ answered: navigation.responseEnd, painted: paint.startTime });
  }).observe({ type: "paint", buffered: true });
})`;

export async function bench(): Promise<Row[]> {
  const why = noBrowser();
  if (why !== false) return [skipped("console, first paint", why)];
  const instance = await startInstance();
  const browser = await launch();
  try {
    const seen: Times[] = [];
    // A new context has an empty cache: each visit is a first one.
    for (let i = 0; i < visits; i++) {
      const { page } = await newPage(browser, instance, { language: "ko" });
      await page.goto(instance.ready.consoleUrl);
      seen.push(await page.evaluate<Times>(times));
      await page.context().close();
    }
    seen.sort((a, b) => a.painted - b.painted);
    const { answered, painted } = seen[Math.floor(visits / 2)]!;
    const detail = `${Math.round(painted)} ms to the first contentful paint, ${Math.round(answered)} ms to the page's answer`;
    return [{ name: "console, first paint (first visit)", ratio: answered / painted, detail }];
  } finally {
    await browser.close();
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
