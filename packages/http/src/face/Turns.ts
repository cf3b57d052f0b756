/** Turns of long work: of histories that are rebuilt, and of the event loop; and what ends a request that waits. */
export { wait } from "../server/LongRequests.js"
export { Rebuilds } from "../server/Rebuilds.js"
export { StreamTurns, turns } from "../server/StreamTurns.js"
