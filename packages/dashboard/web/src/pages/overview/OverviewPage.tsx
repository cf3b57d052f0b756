import { Page } from "../../shell/Page"

const ThisPage = () => <Page title="Overview">{null}</Page>

export default ThisPage
