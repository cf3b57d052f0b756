/**
 * The documentation for clients of the Model Context Protocol: a search, the text of a page, and the skills for coding agents.
 *
 * Source: docs/decisions/0167-docs-over-mcp.md
 */
import {
  createMcpHandler,
  fromJsonSchema,
  localhostAllowedOrigins,
  McpServer,
  originValidationResponse,
} from "@modelcontextprotocol/server"
import { loadSkills } from "@modelcontextprotocol/server/ext/skills/node"
import { version } from "@runlease/http/face/Face"
import * as PageSearch from "./PageSearch.js"
import type { Page } from "./Pages.js"

/** Bounds of a search and of a page, in hits and characters. */
const hitsByDefault = 8
const maxHits = 20
const maxQuery = 1000
const pageLength = 40_000

/** A client sends a question and no more. */
const maxBody = 65_536

const instructions =
  "The documentation of Runlease, which runs agents durably. Search it with search_docs, and read a page that it finds with read_page."

const text = (value: string, isError = false) => ({
  content: [{ type: "text" as const, text: value }],
  isError,
})

const annotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false }

const Search = fromJsonSchema<{ readonly query: string; readonly limit?: number }>({
  type: "object",
  properties: {
    query: { type: "string", minLength: 1, maxLength: maxQuery, description: "A question or a few words" },
    limit: {
      type: "integer",
      minimum: 1,
      maximum: maxHits,
      description: `How many results; ${hitsByDefault} by default`,
    },
  },
  required: ["query"],
  additionalProperties: false,
})

const Read = fromJsonSchema<{ readonly page: string; readonly offset?: number }>({
  type: "object",
  properties: {
    page: {
      type: "string",
      minLength: 1,
      maxLength: maxQuery,
      description: "The page of a result, such as /docs/durable-execution",
    },
    offset: {
      type: "integer",
      minimum: 0,
      description: "Where to go on in a long page, as the end of its part says",
    },
  },
  required: ["page"],
  additionalProperties: false,
})

/** The path of a page as a client may write it: with the origin, an anchor or the ending of its Markdown. */
const pathOf = (page: string): string =>
  page
    .replace(/^https?:\/\/[^/]+/, "")
    .replace(/[?#].*$/, "")
    .replace(/(?:\.md|\.html|\/)$/, "")
    .replace(/^(?!\/)/, "/")
    .replace(/^(?!\/docs\/)/, "/docs")

/** A part of a page. Where the page goes on, its last line says how to read the rest. */
const partOf = ({ markdown }: Page, offset: number): string => {
  const end = offset + pageLength
  const part = markdown.slice(offset, end)
  return end < markdown.length ? `${part}\n\n(The page goes on: read it with offset ${end}.)` : part
}

/** Makes the answers to requests: of these pages, and of the skills in this folder. */
export const make = async (options: {
  readonly pages: ReadonlyArray<Page>
  readonly skills: string
}): Promise<(request: Request) => Promise<Response>> => {
  const search = PageSearch.make(options.pages)
  const skills = await loadSkills(options.skills, { strict: true })
  const byPath = new Map(options.pages.map((page) => [page.path, page]))
  const found = (query: string, limit: number): string =>
    search(query, limit)
      .map(({ excerpt, heading, path, title }) =>
        [heading === title ? `## ${title}` : `## ${title}: ${heading}`, `page: ${path}`, excerpt].join("\n"),
      )
      .join("\n\n")
  const handler = createMcpHandler(
    () => {
      const server = new McpServer(
        { name: "runlease-docs", version },
        { capabilities: { tools: {} }, instructions },
      )
      server.registerTool(
        "search_docs",
        {
          title: "Search the documentation of Runlease",
          description: "Finds the sections of the documentation that answer a question, guides first.",
          inputSchema: Search,
          annotations,
        },
        ({ limit, query }) =>
          text(found(query, limit ?? hitsByDefault) || "No page has these words. Try others."),
      )
      server.registerTool(
        "read_page",
        {
          title: "Read a page of the documentation of Runlease",
          description: "The Markdown of a page that search_docs found.",
          inputSchema: Read,
          annotations,
        },
        ({ offset, page }) => {
          const one = byPath.get(pathOf(page))
          return one === undefined
            ? text(`There is no page ${page.slice(0, 200)}. search_docs finds the pages.`, true)
            : text(partOf(one, offset ?? 0))
        },
      )
      skills.attach(server)
      return server
    },
    // Nothing that a client could wait for ever changes.
    { maxRequestBodySize: maxBody, maxSubscriptions: 0 },
  )
  return async (request) =>
    originValidationResponse(request, localhostAllowedOrigins()) ?? (await handler.fetch(request))
}
