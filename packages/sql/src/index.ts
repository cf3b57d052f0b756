export * as Dialect from "./Dialect.js"
export * as SqlControlPlane from "./SqlControlPlane.js"
export * as SqliteFile from "./SqliteFile.js"
