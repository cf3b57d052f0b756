/**
 * Posts to addresses that somebody else has named. The addresses of a host are checked where the socket connects, so a name that changes
 * between a check and the connection leads nowhere. Redirects are not followed.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { Effect } from "effect"
import ipaddr from "ipaddr.js"
import * as dns from "node:dns"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"

/** Networks that are allowed although they are not public, such as `10.0.0.0/8`. */
export type Networks = net.BlockList

/** The networks of a list with commas; undefined where one of them is none. */
export const networks = (text: string): Networks | undefined => {
  const list = new net.BlockList()
  for (const part of text.split(",").map((name) => name.trim())) {
    if (part === "") continue
    try {
      const [address, bits] = ipaddr.parseCIDR(
        part.includes("/") ? part : `${part}/${net.isIPv6(part) ? 128 : 32}`,
      )
      list.addSubnet(address.toString(), bits, address.kind())
    } catch {
      return undefined
    }
  }
  return list
}

const familyOf = (address: string) => (net.isIPv6(address) ? "ipv6" : "ipv4")

/** The addresses of IPv6 that are given to networks of the internet. Others, such as `::127.0.0.1`, have no class of their own. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3")

const isPublic = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  address.range() === "unicast" && (address instanceof ipaddr.IPv4 || address.match(globalUnicast))

/** Whether a connection to an address may be made: it is one of the public internet, or of an allowed network. */
export const isAllowed = (address: string, allowed: Networks): boolean =>
  ipaddr.isValid(address) && (allowed.check(address, familyOf(address)) || isPublic(ipaddr.parse(address)))

const refused = (host: string) =>
  new Error(
    `${host} is not an address of the public internet; RUNLEASE_WEBHOOK_ALLOW names networks to allow`,
  )

export type Lookup = net.LookupFunction

/** Resolves a name as `resolve` does, and fails where one of its addresses is not allowed. */
const checked =
  (resolve: Lookup, allowed: Networks): Lookup =>
  (host, options, callback) => {
    resolve(host, options, (error, found, family) => {
      const addresses = typeof found === "string" ? [found] : (found ?? []).map(({ address }) => address)
      const wrong = error === null && !addresses.every((address) => isAllowed(address, allowed))
      if (wrong) callback(refused(host), [])
      else callback(error, found, family)
    })
  }

/** The most bytes of an answer that are read. */
const mostRead = 64 * 1024

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMillis: number
}

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
}

/** Posts by sockets to allowed addresses alone. `resolve`: what resolves names, the system where it is absent. */
export const make = (
  allowed: Networks,
  resolve: Lookup = dns.lookup as Lookup,
): ((post: Post) => Effect.Effect<Answer, Error>) => {
  const lookup = checked(resolve, allowed)
  return ({ body, headers, timeoutMillis, url }) =>
    Effect.async<Answer, Error>((resume, signal) => {
      const target = new URL(url)
      const host = target.hostname.replace(/^\[|\]$/g, "")
      // A literal is not resolved, so no lookup sees it.
      if (net.isIP(host) !== 0 && !isAllowed(host, allowed)) return resume(Effect.fail(refused(host)))
      const client = target.protocol === "https:" ? https : http
      const request = client.request(
        target,
        { method: "POST", headers, lookup, agent: false, signal, timeout: timeoutMillis },
        (response) => {
          const { headers: answered, statusCode = 0 } = response
          let bytes = 0
          const end = () =>
            resume(Effect.succeed({ status: statusCode, retryAfter: answered["retry-after"] }))
          response.on("data", (chunk: Buffer) => {
            bytes += chunk.length
            if (bytes > mostRead) {
              end()
              request.destroy()
            }
          })
          response.on("end", end)
          response.on("error", (error) => resume(Effect.fail(error)))
        },
      )
      request.on("error", (error) => resume(Effect.fail(error)))
      request.end(body)
    }).pipe(
      Effect.timeoutFail({
        duration: timeoutMillis,
        onTimeout: () => new Error(`no answer within ${timeoutMillis / 1000} seconds`),
      }),
    )
}
