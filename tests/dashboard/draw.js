// SPDX-License-Identifier: Apache-2.0
// Draws forms with karbor-dashboard's own JavaScript: a page of jsdom takes the browser's place.
//
//   node draw.js jquery.karbor.js < {"schemas": {KIND: SCHEMA}, "typed": {KIND: {NAME: VALUE}}}
//
// Prints, as JSON, for each kind: which inputs there are, what is marked as required, what is sent
// by a form that nobody touched, by one that was filled in, and by one that was never opened.

const fs = require("fs");
const { JSDOM } = require("jsdom");

const page = new JSDOM("<body></body>", { runScripts: "outside-only" });
const jQuery = require("jquery")(page.window);
page.window.jQuery = jQuery;
page.window.eval(fs.readFileSync(process.argv[2], "utf8"));

const input = JSON.parse(fs.readFileSync(0, "utf8"));
const drawn = {};
for (const [kind, schema] of Object.entries(input.schemas)) {
  const dialog = jQuery.Karbor.createDialog(schema, null, "a-share").appendTo("body");
  const controls = dialog.find(".modal-body .form-control");
  const inputs = controls.toArray().map((control) => jQuery(control));
  const form = {
    inputs: Object.fromEntries(inputs.map((control) => [control.attr("name"), control.attr("type")])),
    labels: dialog.find("label").toArray().map((label) => jQuery(label).text()),
    help: dialog.find(".help-icon").length,
    required: dialog.find(".form-group.required").length,
    must: dialog.find(".form-group.required .form-control").toArray().map((c) => jQuery(c).attr("name")),
    may_be_saved: jQuery.Karbor.check_required(dialog),
    untouched: jQuery.Karbor.getDynamicValue(controls) || {},
  };
  for (const control of inputs) {
    const value = input.typed[kind][control.attr("name")];
    if (control.is("[type='checkbox']")) {
      control.prop("checked", value);
    } else {
      control.val(value);
    }
  }
  form.filled_in = jQuery.Karbor.getDynamicValue(controls) || {};
  const provider = { extended_info_schema: { [kind]: { "OS::Manila::Share": schema } } };
  const sent = jQuery.Karbor.getResourceDefaultParameters(provider, kind);
  form.never_opened = sent["OS::Manila::Share"] || {};
  drawn[kind] = form;
  dialog.remove();
}
process.stdout.write(JSON.stringify(drawn));
