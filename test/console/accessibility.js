// What a page lacks for those who hear it, or who do not use a mouse. Gives a list of texts.
(() => {
  const problems = [];
  const named = (element) => {
    const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
    return (
      Boolean(element.getAttribute("aria-label")?.trim()) ||
      by.some((id) => document.getElementById(id)?.textContent?.trim()) ||
      [...(element.labels ?? [])].some((each) => each.textContent?.trim()) ||
      Boolean(element.textContent?.trim()) ||
      [...element.querySelectorAll("img[alt]")].some((image) => image.getAttribute("alt"))
    );
  };
  const shown = (element) => element.checkVisibility() && !element.closest('[aria-hidden="true"]');
  const controls = "a[href], button, input, select, textarea, [role=button], [tabindex='0']";
  for (const element of document.querySelectorAll(controls)) {
    if (shown(element) && !named(element)) problems.push(`no name: ${element.outerHTML.slice(0, 200)}`);
  }
  for (const image of document.querySelectorAll("img")) {
    if (!image.hasAttribute("alt")) problems.push("image without alt");
  }
  for (const [tag, role] of [
    ["header", "banner"],
    ["nav", "navigation"],
    ["main", "main"],
  ]) {
    if (!document.querySelector(`${tag}, [role=${role}]`)) problems.push(`no ${role} landmark`);
  }
  const headings = [...document.querySelectorAll("h1")].filter(shown);
  if (headings.length !== 1) problems.push(`${headings.length} level 1 headings`);
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids.filter((each, i) => ids.indexOf(each) !== i))) problems.push(`id twice: ${id}`);
  return problems;
})();
