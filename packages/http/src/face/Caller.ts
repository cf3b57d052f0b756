/** The caller of a request, and the ports of its project. A page that has a token reaches what the token is bound to. */
export { agent, answers, apiKey, mayStop, ports, thread } from "../server/Caller.js"
export type { Ports } from "../server/ProjectPorts.js"
