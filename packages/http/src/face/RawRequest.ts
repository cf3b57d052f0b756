/** A request that its endpoint reads itself, since the errors of its protocol are not those of this API. */
export { params } from "../server/RawRequest.js"
export { check as checkOrigin } from "../server/Cors.js"
export { parse, text } from "../server/RawRequest.js"
export { traceContext } from "../server/RawRequest.js"
