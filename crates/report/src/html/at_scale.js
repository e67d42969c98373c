// The bill of "What it would cost at scale" for other sizes: the lines of account/at_scale.rs, with the page's own unit costs.
for (const section of document.querySelectorAll('.scale')) {
  const form = section.querySelector('form');
  const inputs = [...form.querySelectorAll('input')];
  const three = v => v === 0 ? '0' : Number(v.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: v < 1 ? 4 : 2 });
  const scaled = (v, units) => {
    const at = units.findLast(([least]) => v >= least * 0.9995) ?? units[0];
    return `${three(v / at[0])} ${at[1]}`;
  };
  const bits = v => scaled(v, [[1e3, 'kbit/s'], [1e6, 'Mbit/s'], [1e9, 'Gbit/s'], [1e12, 'Tbit/s']]);
  const bytes = v => scaled(v, [[1, 'B'], [1e3, 'kB'], [1e6, 'MB'], [1e9, 'GB'], [1e12, 'TB']]);
  const value = name => {
    const input = inputs.find(i => i.name === name);
    // A slider that was not moved stands for the scenario's own number.
    return !input.dataset.moved ? Number(input.dataset.exact) : Number((10 ** Number(input.value)).toPrecision(2));
  };
  const size = () => [Math.round(value('clients')), value('rate'), Math.round(value('payload'))];
  const label = ([clients, rate, payload]) => {
    form.querySelector('[name=c]').textContent = clients.toLocaleString('en');
    form.querySelector('[name=r]').textContent = `${three(rate)}/s`;
    form.querySelector('[name=p]').textContent = bytes(payload);
  };
  const update = () => {
    const [clients, rate, payload] = size();
    label([clients, rate, payload]);
    let beyond = false;
    for (const row of section.querySelectorAll('tbody tr[data-costs]')) {
      const u = JSON.parse(row.dataset.costs);
      const more = Math.trunc((payload - u.payload) / 1448) * 52;
      const [least, polls, bytesEach, cpuEach] = u.holds;
      const ended = Math.max(least - rate * polls, 0);
      const wire = clients * (u.bytes[0] + ended * bytesEach + rate * (u.bytes[1] + u.times * (payload + more)));
      const requests = clients * (u.requests[0] + ended + rate * u.requests[1]);
      beyond ||= [clients, rate, payload].some((v, n) => v > u.measured[n][1] * 1.1 || v < u.measured[n][0] / 1.1);
      const cells = row.querySelectorAll('td');
      cells[0].textContent = bits(wire * 8);
      cells[1].textContent = three(requests);
      cells[2].textContent = u.cpu ? three(clients * (u.cpu[0] + ended * cpuEach + rate * u.cpu[1]) / 1e6) : '–';
      cells[3].textContent = u.memory ? bytes(clients * u.memory) : '–';
    }
    section.querySelector('.asked').textContent =
      `${clients.toLocaleString('en')} clients, ${three(rate)} messages a second of ${bytes(payload)} for each. ${beyond ? 'Extrapolated' : 'Within what was measured'}: the range stands with the unit costs.`;
    section.querySelectorAll('.written').forEach(written => (written.hidden = true));
    section.querySelector('.asked').classList.toggle('extrapolated', beyond);
  };
  label(size());
  form.hidden = false;
  form.addEventListener('input', event => {
    event.target.dataset.moved = 'yes';
    update();
  });
}
