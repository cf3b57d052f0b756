export * as SqlControlPlane from "./SqlControlPlane.js"
