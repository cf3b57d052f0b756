/** Looks at pages of each kind in Chromium. */
import { AxeBuilder } from "@axe-core/playwright"
import { join } from "node:path"
import { chromium } from "playwright-core"
import queries from "../../test/queries.json" with { type: "json" }

const pages = {
  home: "",
  guide: "first-worker",
  diagram: "state-machine",
  table: "what-happens-when",
  decision: "decisions/0072-dashboard",
  endpoints: "reference/http-api/threads",
  module: "reference/core/Leases",
  missing: "no-such-page",
}

const looks = {
  "desktop-light": { colorScheme: "light", viewport: { width: 1440, height: 900 } },
  "desktop-dark": { colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  "phone-light": { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true },
  "phone-dark": { colorScheme: "dark", viewport: { width: 390, height: 844 }, hasTouch: true },
}

/** Rules that the list of results breaks, which is VitePress's own: its options have links in them, whose names are paths. */
const ofResults = ["label-content-name-mismatch", "nested-interactive"]

/** What axe finds, as lines. */
const violations = async (page, without = []) => {
  const { violations: found } = await new AxeBuilder({ page }).disableRules(without).analyze()
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`))
}

/** A finding of the browser's own: the page of an address that is not there answers 404, as it should. */
const isExpected = (name, text) => name === "missing" && text.includes("404")

const lookAt = async (context, url, name, look, pictures) => {
  const page = await context.newPage()
  const problems = []
  page.on("pageerror", ({ message }) => problems.push(message))
  page.on("console", (message) => {
    if (message.type() === "error" && !isExpected(name, message.text())) problems.push(message.text())
  })
  page.on("requestfailed", (request) => problems.push(`not loaded: ${request.url()}`))
  await page.goto(`${url}/docs/${pages[name]}`, { waitUntil: "networkidle" })
  problems.push(...(await violations(page)))
  const { inner, width } = await page.evaluate(() => ({
    inner: window.innerWidth,
    width: document.documentElement.scrollWidth,
  }))
  if (width > inner) problems.push(`${width} pixels wide on a screen of ${inner}`)
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}-${look}.png`) })
  await page.close()
  return problems.map((problem) => `${name}, ${look}: ${problem}`)
}

/** Searches for what a reader may ask. The page that answers is among the first three, and no reference or decision is before it. */
const searches = async (context, url) => {
  const page = await context.newPage()
  const problems = []
  await page.goto(`${url}/docs/`)
  await page.locator(".VPNavBarSearchButton, .DocSearch-Button").first().click()
  for (const { page: expected, query } of queries) {
    await page.locator(".VPLocalSearchBox input").fill(query)
    await page.locator(`.VPLocalSearchBox .result[href*="/docs/"]`).first().waitFor()
    await page.waitForFunction(
      (text) => document.querySelector(".VPLocalSearchBox input")?.value === text,
      query,
    )
    await page.waitForTimeout(500)
    const hrefs = await page
      .locator(".VPLocalSearchBox .result")
      .evaluateAll((all) => all.map((one) => one.pathname))
    const first = [...new Set(hrefs)].slice(0, 3)
    const place = first.indexOf(`/docs/${expected}`)
    if (place === -1 || first.slice(0, place).some((path) => /\/(?:decisions|reference)\//.test(path))) {
      problems.push(`search for "${query}": ${expected} is not among ${first.join(", ")}`)
    }
  }
  await page.close()
  return problems
}

/** Searches for a word, offline, and opens what is found first. */
const search = async (context, url, pictures) => {
  const page = await context.newPage()
  const problems = []
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()))
  await page.goto(`${url}/docs/`)
  await page.locator(".VPNavBarSearchButton, .DocSearch-Button").first().click()
  await page.locator(".VPLocalSearchBox input").fill("fencing")
  await page.locator(".VPLocalSearchBox .result").first().waitFor()
  problems.push(...(await violations(page, ofResults)))
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, "search.png") })
  await page.locator(".VPLocalSearchBox .result").first().click()
  await page.locator(".vp-doc h1").waitFor()
  await page.close()
  return problems.map((problem) => `search: ${problem}`)
}

export const faultsIn = async (url, pictures) => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  })
  const problems = []
  try {
    for (const [look, options] of Object.entries(looks)) {
      const context = await browser.newContext(options)
      context.setDefaultTimeout(120_000)
      for (const name of Object.keys(pages))
        problems.push(...(await lookAt(context, url, name, look, pictures)))
      if (look === "desktop-light") {
        problems.push(...(await searches(context, url)))
        problems.push(
          ...(await search(context, url, pictures).catch(({ message }) => [`search: ${message}`])),
        )
      }
      await context.close()
    }
  } finally {
    await browser.close()
  }
  return problems
}
