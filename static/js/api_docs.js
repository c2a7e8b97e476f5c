// Swagger UI has a dark style of its own, under a class of the root; it follows the product's theme.
const follow = () => document.documentElement.classList.toggle("dark-mode", document.documentElement.dataset.bsTheme === "dark");
document.addEventListener("theme:changed", follow);
follow();
