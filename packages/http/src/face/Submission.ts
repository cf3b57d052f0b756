/** A new run: what it carries of the runs before it, and its submission in a thread. */
export { before } from "../server/agui/Carry.js"
export { find, inThread } from "../server/agui/Submit.js"
