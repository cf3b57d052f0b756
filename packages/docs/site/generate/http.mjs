/** Writes the reference of the HTTP API: a page for each group of endpoints, from the description that the server gives at `/openapi.json`. */
import { OpenApi } from "@effect/platform"
import * as Api from "@runlease/http/Api"
import { faces } from "./faces.mjs"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { anchorOf } from "../markdown/anchors.mjs"
import { fieldsOf, noteOf, typeOf } from "./schema.mjs"

const methods = ["get", "post", "put", "patch", "delete"]

/** Text of a cell of a table. */
const cell = (text) => text.replaceAll("|", "\\|").replaceAll("\n", " ")

const table = (heads, rows) =>
  [`| ${heads.join(" | ")} |`, `| ${heads.map(() => "---").join(" | ")} |`]
    .concat(rows.map((row) => `| ${row.map(cell).join(" | ")} |`))
    .join("\n")

const json = (value) => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``

const parametersOf = ({ parameters = [] }) =>
  parameters.length === 0
    ? []
    : [
        table(
          ["Parameter", "In", "Type", "About"],
          parameters.map((parameter) => [
            `\`${parameter.name}\``,
            parameter.in,
            typeOf(parameter.schema),
            [parameter.required ? "" : "optional", noteOf(parameter)]
              .filter((text) => text !== "")
              .join(". "),
          ]),
        ),
      ]

const fieldTable = (schema, schemas) => {
  const rows = fieldsOf(schema, schemas)
  return rows.length === 0
    ? []
    : [
        table(
          ["Field", "Type", "About"],
          rows.map(({ note, path, required, type }) => [
            `\`${path}\``,
            type,
            [required ? "" : "optional", note].filter((text) => text !== "").join(". "),
          ]),
        ),
      ]
}

const contentOf = (content, schemas) =>
  Object.entries(content ?? {}).flatMap(([mediaType, { example, examples, schema = {} }]) => {
    const shown = example ?? Object.values(examples ?? {})[0]?.value
    const type = mediaType === "application/json" ? [] : [`\`${mediaType}\``]
    const body = [...type, ...fieldTable(schema, schemas)]
    if (body.length === 0 && shown === undefined) body.push(typeOf(schema))
    return shown === undefined
      ? body
      : [
          ...body,
          mediaType === "application/json" && typeof shown !== "string"
            ? json(shown)
            : `\`\`\`\n${shown}\n\`\`\``,
        ]
  })

const isRefusal = (status) => Number(status) >= 400

const headingOf = (method, path) => `${method.toUpperCase()} ${path}`

const endpointOf = ({ method, operation, path }, schemas) => {
  const answers = Object.entries(operation.responses).filter(([status]) => !isRefusal(status))
  const refusals = Object.keys(operation.responses).filter(isRefusal)
  const body = contentOf(operation.requestBody?.content, schemas)
  const open = operation.security?.length === 0 ? ["Needs no token."] : []
  return [
    `## ${operation.summary ?? headingOf(method, path)} {#${operation.operationId.replaceAll(".", "-")}}`,
    `\`\`\`http\n${headingOf(method, path)}\n\`\`\``,
    ...(operation.description === undefined ? [] : [operation.description]),
    ...open,
    ...parametersOf(operation),
    ...(body.length === 0 ? [] : ["**Body**", ...body]),
    ...answers.flatMap(([status, { content, description }]) => [
      `**${status}** ${description === "Success" ? "" : description}`.trim(),
      ...contentOf(content, schemas),
    ]),
    `**Refusals** ${refusals.map((status) => `[${status}](./index.md#status-${status})`).join(", ")}`,
  ].join("\n\n")
}

const statusTable = (endpoints) => {
  const descriptions = new Map()
  for (const { operation } of endpoints) {
    for (const [status, { description }] of Object.entries(operation.responses).filter(([status]) =>
      isRefusal(status),
    )) {
      const known = descriptions.get(status) ?? new Set()
      descriptions.set(status, known.add(description))
    }
  }
  return [...descriptions]
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([status, texts]) => [`<span id="status-${status}">${status}</span>`, [...texts].join(". ")])
}

const indexOf = (document, groups, endpoints) =>
  [
    "# HTTP reference",
    `${document.info.description} This reference is made from the description that a server gives at \`/openapi.json\`. The same server has a page at \`/docs/api\` that sends requests. [The HTTP API by hand](/http-api.md) goes through the usual ones. (ours) marks an addition to the public contract: another client may leave it out, and another server may lack it.`,
    "## Groups",
    table(
      ["Group", "Endpoints", "About"],
      groups.map(({ description, endpoints, name, slug }) => [
        `[${name}](./${slug}.md)`,
        String(endpoints.length),
        description,
      ]),
    ),
    "## Tokens",
    table(
      ["Way", "Where", "About"],
      Object.values(document.components.securitySchemes).map(
        ({ description, in: place = "header", name = "Authorization: Bearer" }) => [
          `\`${name}\``,
          place,
          description,
        ],
      ),
    ),
    "## Refusals",
    "A refusal has this body, unless its group says otherwise:",
    ...fieldTable(document.components.schemas.Refusal, document.components.schemas),
    table(["Status", "About"], statusTable(endpoints)),
    "## All endpoints",
    table(
      ["Endpoint", "About"],
      groups.flatMap(({ endpoints, slug }) =>
        endpoints.map(({ method, operation, path }) => [
          `\`${headingOf(method, path)}\``,
          `[${operation.summary}](./${slug}.md#${operation.operationId.replaceAll(".", "-")})`,
        ]),
      ),
    ),
  ].join("\n\n")

/** Writes the pages to `folder`, and gives their names for the sidebar. */
export const writeHttpReference = (folder) => {
  const document = OpenApi.fromApi(Api.withFaces(faces), { additionalPropertiesStrategy: "allow" })
  const endpoints = Object.entries(document.paths).flatMap(([path, operations]) =>
    methods.flatMap((method) =>
      operations[method] === undefined ? [] : [{ path, method, operation: operations[method] }],
    ),
  )
  const groups = document.tags.map(({ description = "", name }) => ({
    name,
    description,
    slug: anchorOf(name),
    endpoints: endpoints.filter(({ operation }) => operation.tags.includes(name)),
  }))
  const ungrouped = endpoints.filter(
    ({ operation }) => !groups.some(({ name }) => operation.tags.includes(name)),
  )
  if (ungrouped.length > 0) throw new Error(`no group has ${ungrouped.map(({ path }) => path)}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "index.md"), `${indexOf(document, groups, endpoints)}\n`)
  for (const { description, endpoints, name, slug } of groups) {
    const parts = endpoints.map((endpoint) => endpointOf(endpoint, document.components.schemas))
    const page = [`# ${name}`, ...(description === "" ? [] : [description]), ...parts]
    writeFileSync(join(folder, `${slug}.md`), `---\noutline: 2\n---\n\n${page.join("\n\n")}\n`)
  }
  return {
    endpoints: endpoints.length,
    items: groups.map(({ name, slug }) => ({ text: name, link: `/reference/http-api/${slug}` })),
  }
}
