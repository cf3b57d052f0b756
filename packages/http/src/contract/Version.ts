/** The version of this package, as descriptions of its server have it. */
export const version = "0.1.0"
