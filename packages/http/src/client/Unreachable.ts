/** The message of a request that got no answer: the server, and the reason. */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import { Predicate } from "effect"

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "its name cannot be found",
  EAI_AGAIN: "its name cannot be looked up now",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  ETIMEDOUT: "it does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
  ECONNRESET: "the connection broke off",
  EPIPE: "the connection broke off",
  UND_ERR_SOCKET: "the connection broke off",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by itself",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate cannot be verified",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
}

/** The first code in an error and its causes: `fetch` hides it two deep, and in a list where a name has two addresses. */
const codeOf = (error: unknown, depth = 0): string | undefined => {
  if (!Predicate.isRecord(error) || depth > 4) return undefined
  if (typeof error["code"] === "string") return error["code"]
  const errors = Array.isArray(error["errors"]) ? error["errors"] : []
  for (const cause of [error["cause"], ...errors]) {
    const code = codeOf(cause, depth + 1)
    if (code !== undefined) return code
  }
  return undefined
}

/** The server of a URL, without the user and the password that may be in it. */
const serverOf = (url: string): string => (URL.canParse(url) ? ` at ${new URL(url).origin}` : "")

/** The sentence for people. It holds neither the request's headers nor its path, which may be secret. */
export const message = (error: HttpClientError.HttpClientError): string => {
  const server = serverOf(error.request.url)
  if (error.reason === "Decode") {
    return `The answer of the control plane${server} is not JSON, or broke off; check its URL`
  }
  const code = codeOf(error.cause)
  const reason = code === undefined ? undefined : reasons[code]
  const why =
    code === undefined
      ? [error.reason, ...(error.description === undefined ? [] : [error.description])].join(", ")
      : reason === undefined
        ? code
        : `${reason} (${code})`
  return `The control plane${server} could not be reached: ${why}`
}
