//! `completions` and `man`: both follow from the command line as data.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Outcome;
use crate::args::Cli;
use crate::exit;

/// Prints completions.
pub fn completions(shell: Shell) -> Outcome {
    clap_complete::generate(shell, &mut Cli::command(), "wirecost", &mut std::io::stdout());
    Ok(exit::OK)
}

/// Prints the manual page, a section a command.
pub fn man() -> Outcome {
    let mut stdout = std::io::stdout();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut stdout)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("wirecost-{}", sub.get_name());
        clap_mangen::Man::new(sub.clone()).title(name).render(&mut stdout)?;
    }
    Ok(exit::OK)
}
