/** PostgreSQL's own code of a transaction whose outcome is unknown. */
export const outcomeUnknown = "08007"
