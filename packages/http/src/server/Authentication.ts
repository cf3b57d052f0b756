/** Finds the principal that sends a request, by its token or by the application that serves the contract. */
export { Authentication, authenticateByToken as make, authenticationLayer as layer } from "./Callers.js"
