/** A request that its endpoint reads itself, since the errors of its protocol are not those of this API. */
export { all as params } from "../server/AddressParams.js"
export { check as checkOrigin } from "../server/AllowedOrigins.js"
export { parse, text } from "../server/RawBody.js"
export { of as traceContext } from "../server/TraceOfRequest.js"
