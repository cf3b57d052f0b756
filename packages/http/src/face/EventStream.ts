/** Answers that are event streams. They end with the server, and when their caller is revoked. */
export { frame, namedFrame, respond, respondOnce, type Services } from "../server/EventStream.js"
export { respond as respondWithView } from "../server/RunStream.js"
