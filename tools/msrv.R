# Usage: Rscript tools/msrv.R (called by configure)
#
# Is there a Rust toolchain, and is it new enough?
# The lowest version is the one in DESCRIPTION's SystemRequirements.

tool_version <- function(tool) {
  if (!nzchar(Sys.which(tool))) {
    return(NULL)
  }
  text <- tryCatch(
    suppressWarnings(system2(tool, "--version", stdout = TRUE, stderr = TRUE)),
    error = function(e) character()
  )
  number <- regmatches(text, regexpr("[0-9]+[.][0-9]+[.][0-9]+", text))
  if (length(number)) list(text = text[1], version = numeric_version(number[1])) else NULL
}

give_up <- function(problem, needed) {
  message(
    "\n", problem, "\n",
    "rlmm is compiled from Rust and needs cargo and rustc ", needed, " or later.\n",
    "  every system:    https://www.rust-lang.org/tools/install\n",
    "  Debian, Ubuntu:  apt-get install cargo rustc   (if new enough)\n",
    "  Fedora:          dnf install cargo rust\n",
    "  macOS:           brew install rust\n",
    "They are looked for on the PATH and in ~/.cargo/bin.\n"
  )
  quit(status = 1)
}

requirements <- read.dcf("DESCRIPTION", "SystemRequirements")[[1]]
needed <- sub(".*rustc >= ([0-9.]+).*", "\\1", requirements)

for (tool in c("cargo", "rustc")) {
  found <- tool_version(tool)
  if (is.null(found)) {
    give_up(paste(tool, "was not found, or does not run."), needed)
  }
  if (found$version < needed) {
    give_up(paste0(tool, " is too old: ", found$text, "."), needed)
  }
  message("Using ", found$text)
}
