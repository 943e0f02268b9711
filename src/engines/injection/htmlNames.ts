/** Elements and attributes that run code, load what runs, or change what the page does. Written from WHATWG HTML, SVG 2. */

/** There is no harmless use of them in input. */
export const dangerousElements: ReadonlySet<string> = new Set([
  "applet", "base", "basefont", "bgsound", "comment", "embed", "frame", "frameset", "handler", "iframe", "ilayer",
  "import", "isindex", "layer", "link", "listener", "meta", "noembed", "noframes", "noscript", "object", "param",
  "plaintext", "portal", "script", "style", "svg", "template", "vmlframe", "xml", "xmp", "xss", "math", "foreignobject",
  "animate", "set", "use", "animatetransform", "?xml-stylesheet",
]);

/** Attributes that take a URL a browser follows or loads. */
export const urlAttributes: ReadonlySet<string> = new Set([
  "action", "archive", "background", "cite", "classid", "codebase", "data", "dynsrc", "folder", "formaction", "from",
  "href", "icon", "longdesc", "lowsrc", "manifest", "ping", "poster", "profile", "src", "srcdoc", "srcset", "to", "url",
  "usemap", "values", "xlink:href", "by",
]);

/** Attributes whose mere presence is enough. */
export const dangerousAttributes: ReadonlySet<string> = new Set(["srcdoc", "datasrc", "dataformatas", "fscommand", "seeksegmenttime", "xmlns:xlink"]);

/** `on…` attributes: any name of that form with so many letters is taken for one, as browsers add new ones. */
export const eventAttribute = /^on[a-z]{3,30}$/;

/** Those that are looked for where no tag is seen: in a value that stands within one. */
export const eventNames: ReadonlySet<string> = new Set([
  "onabort", "onactivate", "onafterprint", "onafterscriptexecute", "onanimationcancel", "onanimationend", "onanimationiteration",
  "onanimationstart", "onauxclick", "onbeforecopy", "onbeforecut", "onbeforeinput", "onbeforeprint",
  "onbeforescriptexecute", "onbeforetoggle", "onbeforeunload", "onbegin", "onblur", "onbounce", "oncanplay",
  "oncanplaythrough", "onchange", "onclick", "onclose", "oncontextmenu", "oncopy", "oncuechange", "oncut", "ondblclick",
  "ondrag", "ondragend", "ondragenter", "ondragleave", "ondragover", "ondragstart", "ondrop", "ondurationchange", "onend",
  "onended", "onerror", "onfinish", "onfocus", "onfocusin", "onfocusout", "onformdata", "onfullscreenchange", "onhashchange",
  "oninput", "oninvalid", "onkeydown", "onkeypress", "onkeyup", "onload", "onloadeddata", "onloadedmetadata", "onloadend",
  "onloadstart", "onmessage", "onmousedown", "onmouseenter", "onmouseleave", "onmousemove", "onmouseout", "onmouseover",
  "onmouseup", "onmousewheel", "onmozfullscreenchange", "onpagehide", "onpageshow", "onpaste", "onpause", "onplay",
  "onplaying", "onpointercancel", "onpointerdown", "onpointerenter", "onpointerleave", "onpointermove", "onpointerout",
  "onpointerover", "onpointerrawupdate", "onpointerup", "onpopstate", "onprogress", "onpropertychange", "onratechange",
  "onreadystatechange", "onrepeat", "onreset", "onresize", "onscroll", "onscrollend", "onsearch", "onseeked", "onseeking",
  "onselect", "onselectionchange", "onselectstart", "onshow", "onstart", "onstorage", "onsubmit", "onsuspend",
  "ontimeupdate", "ontoggle", "ontouchcancel", "ontouchend", "ontouchmove", "ontouchstart", "ontransitioncancel",
  "ontransitionend", "ontransitionrun", "ontransitionstart", "onunhandledrejection", "onunload", "onvolumechange",
  "onwaiting", "onwebkitanimationend", "onwheel", "onzoom",
]);
