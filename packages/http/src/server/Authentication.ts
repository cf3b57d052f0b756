/**
 * Finds the principal that sends a request, by its token or by the application that serves the contract.
 *
 * @since 0.1.0
 */
export { Authentication, authenticateByToken as make, authenticationLayer as layer } from "./Callers.js"
