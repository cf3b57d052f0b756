/**
 * The MCP servers of a model, as `--mcp` names them.
 */
import type { McpServer } from "@runlease/executor-ai"
import { Config, Effect, Option, Redacted } from "effect"
import { parseArgsStringToArgv } from "string-argv"
import { type CommandFailure, usage } from "../output/ExitCode.js"

type Server = McpServer.McpServer

const named = /^([A-Za-z0-9_-]{1,32})=(.+)$/s

/** The token of a server at an address, which does not belong on the command line. */
const tokenOf = (name: string) =>
  Config.option(Config.redacted(`MCP_TOKEN_${name.toUpperCase().replaceAll("-", "_")}`)).pipe(
    Effect.orElseSucceed(() => Option.none<Redacted.Redacted>()),
  )

const remote = (name: string, url: string): Effect.Effect<Server, CommandFailure> =>
  URL.canParse(url)
    ? Effect.map(tokenOf(name), (token) => ({
        name,
        url,
        ...(Option.isSome(token)
          ? { headers: { authorization: Redacted.make(`Bearer ${Redacted.value(token.value)}`) } }
          : {}),
      }))
    : Effect.fail(usage(`--mcp ${name} is no URL: ${url}`))

/** A server: `NAME=URL`, or `NAME=COMMAND` with its arguments. */
const parse = (text: string): Effect.Effect<Server, CommandFailure> => {
  const [, name, place] = named.exec(text) ?? []
  if (name === undefined || place === undefined) {
    return Effect.fail(
      usage(
        `--mcp must be NAME=URL or NAME=COMMAND, and not ${JSON.stringify(text)}`,
        "Such as --mcp tickets=https://tickets.example.com/mcp, or --mcp 'files=npx -y @modelcontextprotocol/server-filesystem .'",
      ),
    )
  }
  if (/^https?:/i.test(place)) return remote(name, place)
  const [command, ...args] = parseArgsStringToArgv(place)
  return command === undefined
    ? Effect.fail(usage(`--mcp ${name} names no command`))
    : Effect.succeed({ name, command, args })
}

/** The servers, each with a unique name. */
export const parseAll = (
  texts: ReadonlyArray<string>,
): Effect.Effect<ReadonlyArray<Server>, CommandFailure> =>
  Effect.flatMap(Effect.forEach(texts, parse), (servers) => {
    const names = servers.map(({ name }) => name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    return twice === undefined
      ? Effect.succeed(servers)
      : Effect.fail(usage(`Two of --mcp have the name ${twice}`))
  })
