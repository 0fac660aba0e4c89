// Files that the build takes in as text.
declare module "*.min.js" {
  const text: string;
  export default text;
}
