/** The bar at the top and the lists of pages at the side. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { anchorOf } from "./markdown/anchors.mjs"

const site = import.meta.dirname
const docs = join(site, "../../../docs")

const page = (text, link) => ({ text, link })

const guide = [
  {
    text: "Start",
    items: [
      page("A first worker", "/first-worker"),
      page("Test your agent", "/testing-your-agent"),
      page("What happens when", "/what-happens-when"),
      page("Comparison", "/comparison"),
    ],
  },
  {
    text: "Concepts",
    items: [
      page("The life of a run", "/state-machine"),
      page("Glossary", "/glossary"),
      page("Architecture", "/architecture"),
      page("Packages", "/packages"),
    ],
  },
  {
    text: "Ways of use",
    items: [
      page("Embedded", "/embedding"),
      page("In your own transaction", "/outbox"),
      page("Webhooks", "/webhooks"),
      page("The command line", "/command-line"),
      page("Worker modules", "/worker-modules"),
      page("Agents of other frameworks", "/agent-frameworks"),
      page("OpenAI Agents SDK", "/openai-agents"),
      page("Steps in a transaction", "/transactional-steps"),
      page("Steps of a program", "/steps-of-a-program"),
      page("Workflows of Effect", "/reference/workflow/"),
      page("The HTTP API by hand", "/http-api"),
    ],
  },
  {
    text: "Durable execution",
    items: [
      page("Steps, waits, children", "/durable-execution"),
      page("Schedules, limits, labels", "/flow"),
      page("Change an agent that runs", "/changing-agents"),
      page("Learn from past runs", "/learning-from-past-runs"),
      page("Choosing a lease length", "/lease-length"),
    ],
  },
  {
    text: "Executors",
    items: [
      page("Language models", "/reference/executor-ai/"),
      page("Programs", "/reference/executor-command/"),
      page("Remote AG-UI agents", "/ag-ui-consumer"),
      page("Remote A2A agents", "/reference/executor-a2a/"),
      page("Coding agents", "/acp-client"),
      page("opencode", "/agents/opencode"),
      page("claude-agent-acp", "/agents/claude-agent-acp"),
      page("codex-acp", "/agents/codex-acp"),
    ],
  },
  {
    text: "Faces",
    items: [
      page("AG-UI front ends", "/ag-ui"),
      page("AG-UI and the server", "/ag-ui-server"),
      page("AI SDK", "/ai-sdk"),
      page("CopilotKit", "/reference/copilotkit/"),
      page("MCP", "/mcp"),
      page("A2A", "/a2a"),
      page("OpenAI Responses", "/openai-responses"),
    ],
  },
  {
    text: "Operate",
    items: [
      page("Operations", "/operations"),
      page("Deploy", "/deploy/"),
      page("Hosted PostgreSQL", "/hosted-postgresql"),
      page("Telemetry", "/telemetry"),
      page("Security", "/security"),
    ],
  },
  {
    text: "Extend",
    items: [
      page("Write an executor", "/writing-an-executor"),
      page("Testing", "/testing"),
      page("Write a store", "/writing-a-store"),
      page("The model of the protocol", "/model/"),
    ],
  },
]

/** The groups of the index of decisions: a list of all would be most of each of their pages. */
const decisions = () => {
  const index = readFileSync(join(docs, "decisions/README.md"), "utf8")
  const groups = [...index.matchAll(/^### (.+)$/gm)].map(([, text]) =>
    page(text, `/decisions/#${anchorOf(text)}`),
  )
  return [{ text: "All decisions", link: "/decisions/", items: groups }]
}

const { api, http } = JSON.parse(readFileSync(join(site, "generated/sidebar.json"), "utf8"))

/** A page lists the modules of its own part of its package alone: the lists of all would be most of each page. */
const apiSidebars = Object.fromEntries(
  api.flatMap((one) => [
    ...one.parts.map(({ folder, items, link, text }) => [
      folder,
      [page(one.text, one.link), { text, link, items }],
    ]),
    [
      one.link,
      api.flatMap(({ items, link, parts, text }) =>
        link === one.link
          ? [{ text, link, items }, ...parts.map((part) => page(part.text, part.link))]
          : [page(text, link)],
      ),
    ],
  ]),
)

export const sidebar = {
  "/": guide,
  "/decisions/": decisions(),
  "/reference/": [
    page("HTTP reference", "/reference/http-api/"),
    ...api.map(({ link, text }) => page(text, link)),
  ],
  "/reference/http-api/": [{ text: "HTTP reference", link: "/reference/http-api/", items: http }],
  ...apiSidebars,
}

export const nav = [
  { text: "Guide", link: "/first-worker", activeMatch: "^/(?!reference/|decisions/).+" },
  { text: "HTTP API", link: "/reference/http-api/", activeMatch: "^/reference/http-api/" },
  { text: "TypeScript API", link: "/reference/", activeMatch: "^/reference/(?!http-api/)" },
  { text: "Decisions", link: "/decisions/", activeMatch: "^/decisions/" },
  { text: "Source", link: "https://github.com/runlease/runlease" },
]
