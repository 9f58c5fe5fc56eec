/* global SwaggerUIBundle */
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();

// What a screen reader stumbles over in Swagger UI: headings that skip a level, a part outside of all landmarks, and links inside buttons (the button itself opens, and sets the address).
const mend = (selector, attributes) => document.querySelectorAll(selector).forEach(element => Object.entries(attributes).forEach(([name, value]) => {
  if (element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}));
new MutationObserver(() => {
  mend('h3.opblock-tag, .models h4', { 'aria-level': '2' });
  mend('.opblock h4', { 'aria-level': '3' });
  mend('.opblock h5', { 'aria-level': '4' });
  mend('.information-container', { 'role': 'region', 'aria-label': 'About this API' });
  document.querySelectorAll('.responses-table[role="region"]').forEach(table => mend(`#${CSS.escape(table.id)}`, { 'aria-label': table.id.replaceAll('_', ' ') }));
  mend('pre.microlight', { 'tabindex': '0' });
  mend('.dialog-ux .modal-ux', { 'role': 'dialog', 'aria-label': 'Available authorizations' });
  mend('.dialog-ux h3', { 'aria-level': '2' });
  mend('.dialog-ux h4', { 'aria-level': '3' });
  mend('.dialog-ux .close-modal', { 'aria-label': 'Close' });
  mend('.dialog-ux .btn.authorize', { 'aria-label': 'Authorize' });
  document.querySelectorAll('button a[href]').forEach(link => link.removeAttribute('href'));
}).observe(document.getElementById('reference'), { childList: true, subtree: true });

SwaggerUIBundle({
  url: '/openapi/v1.json',
  dom_id: '#reference',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  syntaxHighlight: { theme: 'tomorrow-night' },

  // Nothing is asked of others, and no secret is kept.
  validatorUrl: null,
  persistAuthorization: false,
});
