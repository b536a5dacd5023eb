# Copies figures of bench/RESULTS.md to where they are read: vignettes/performance.Rmd, README.md.
#
#   Rscript bench/quote.R [lib=.lib]
#
# from the top of the project. What stands between <!-- quote:NAME:begin --> and
# <!-- quote:NAME:end --> in these files is replaced: `fit` and `fit-short` by tables made from the
# section `fit` of RESULTS.md, any other name by the section of that name; a section that is not
# there leaves nothing. Pictures bench/scaling-*.png go to vignettes/. Takes some seconds, as the
# sizes of the workload are those of its data.

source("bench/common.R")
source("bench/workload.R")

targets <- c("vignettes/performance.Rmd", "README.md")

# What the models of the workload are, in a few words.
descriptions <- c(
  sleep.REML = "intercepts and slopes of subjects", sleep.ML = "the same, maximum likelihood",
  dyestuff = "one factor, balanced", penicillin = "two crossed factors",
  pastes = "two nested factors", cake = "one factor, 18 fixed effects",
  dietox = "growth curves of pigs", sitka.int = "intercepts of trees",
  sitka.slope.raw = "intercepts and slopes of trees, time in days",
  sitka.slope.scaled = "the same, time centred and scaled",
  insteval.4 = "students by teachers, four factors",
  insteval.3ML = "students by teachers, three factors, maximum likelihood",
  insteval.sd = "students by teachers, 28 fixed effects",
  insteval.paper = "students by teachers, slopes of departments",
  slopes50k = "intercepts and slopes of 50,000 groups",
  cross20k = "20,000 by 2,000 crossed levels",
  nested500k = "pupils in classes in schools",
  kb07max = "maximal model, subjects by items"
)

representative <- c("sleep.REML", "insteval.3ML", "insteval.paper", "slopes50k", "cross20k",
  "nested500k", "kb07max")

# The lines of a section of RESULTS.md, NULL if it has not been measured.
section_lines <- function(name, file = "bench/RESULTS.md") {
  lines <- readLines(file)
  at <- match(paste0("<!-- ", name, c(":begin", ":end"), " -->"), lines)
  if (anyNA(at)) NULL else lines[seq_len(at[2L] - at[1L] - 1L) + at[1L]]
}

# The first table among some lines, as a character matrix without emphasis.
read_table <- function(lines) {
  rows <- grep("^\\|", lines, value = TRUE)
  rows <- gsub("**", "", gsub("^\\| | \\|$", "", rows), fixed = TRUE)
  cells <- strsplit(rows, " | ", fixed = TRUE)
  columns <- cells[[1L]]
  cells <- lapply(cells[-(1:2)], function(x) trimws(c(x, rep("", length(columns) - length(x)))))
  matrix(unlist(cells), ncol = length(columns), byrow = TRUE, dimnames = list(NULL, columns))
}

# A column by name: a table that has lost it must not be quoted.
column_of <- function(table, name) {
  if (!name %in% colnames(table)) stop("the fits in RESULTS.md have no column '", name, "'")
  table[, match(name, colnames(table))]
}

# Rows and covariance parameters of a model of the workload, in words.
size_of_model <- function(model) {
  data <- workload_data(model$data)
  random <- rlmm::rlmm_frame(model$formula, data)$random
  columns <- lengths(lapply(random, `[[`, "columns"))
  paste0(format(nrow(data), big.mark = ",", scientific = FALSE), " rows, ",
    sum(columns * (columns + 1) / 2), " theta")
}

what_is <- function(names) {
  missing <- setdiff(names, names(descriptions))
  if (length(missing)) stop("bench/quote.R has no description of ", toString(missing))
  vapply(names, function(name) {
    paste0(descriptions[[name]], "; ", size_of_model(workload[[name]]))
  }, "")
}

# `widths`: shares of the columns.
quoted_table <- function(columns, widths) {
  rows <- do.call(Map, c(c, unname(columns)))
  lines <- markdown_table(names(columns), rows)
  dashes <- strrep("-", widths)
  right <- vapply(columns, function(x) all(grepl("^[-<0-9., ]*$", x)), NA)
  lines[2L] <- paste("|", paste0(dashes, ifelse(right, ":", ""), collapse = " | "), "|")
  lines
}

FACTS <- "^- (20[0-9]{2}-|R version|BLAS|rlmm )"

# Where and when it was measured: the list at the end of a section.
facts_of_section <- function(lines, which = FACTS) {
  facts <- grep(which, lines, value = TRUE)
  paste0("Measured on ", paste(sub("^- ", "", facts), collapse = "; "), ".")
}

fit_columns <- function(table, names) {
  columns <- lapply(names, column_of, table = table)
  stats::setNames(columns, names)
}

quote_fit <- function(lines) {
  table <- read_table(lines)
  workloads <- column_of(table, "workload")
  columns <- c(list(workload = workloads, "what it is" = what_is(workloads)),
    fit_columns(table, c("rlmm, s", "lmer, s", "lmer / rlmm", "evaluations", "rlmm, MB",
      "lmer, MB")))
  c("", quoted_table(columns, c(13, 38, 9, 8, 6, 9, 5, 5)), "", facts_of_section(lines), "")
}

quote_fit_short <- function(lines) {
  table <- read_table(lines)
  table <- table[match(representative, column_of(table, "workload")), , drop = FALSE]
  if (anyNA(table[, 1L])) stop("RESULTS.md lacks a model of the short table")
  columns <- c(list(workload = what_is(representative)),
    fit_columns(table, c("rlmm, s", "lmer, s", "lmer / rlmm")))
  facts <- facts_of_section(lines, "^- (20[0-9]{2}-|rlmm )")
  c("", quoted_table(columns, c(40, 8, 8, 8)), "", facts, "")
}

# A section as it is, without its pictures.
quote_section <- function(lines) {
  lines <- lines[!startsWith(lines, "![")]
  facts <- grepl(FACTS, lines)
  lines <- c(lines[!facts], facts_of_section(lines))
  blank <- !nzchar(lines)
  c("", lines[!(blank & c(TRUE, utils::head(blank, -1L)))], "")
}

quotation <- function(name) {
  lines <- section_lines(if (name == "fit-short") "fit" else name)
  if (is.null(lines)) return(NULL)
  switch(name, fit = quote_fit(lines), "fit-short" = quote_fit_short(lines), quote_section(lines))
}

# Fills every quotation of a file.
fill <- function(file) {
  lines <- readLines(file)
  names <- sub("^<!-- quote:(.*):begin -->$", "\\1",
    grep("^<!-- quote:.*:begin -->$", lines, value = TRUE))
  for (name in names) {
    at <- match(paste0("<!-- quote:", name, c(":begin", ":end"), " -->"), lines)
    if (anyNA(at) || at[2L] < at[1L]) stop(file, " has no end of the quotation ", name)
    quoted <- quotation(name)
    lines <- c(lines[seq_len(at[1L])], quoted, lines[seq(at[2L], length(lines))])
    message(file, ": ", name, if (is.null(quoted)) " (not measured yet, left empty)")
  }
  writeLines(lines, file)
}

invisible(command_options())
pictures <- Sys.glob("bench/scaling-*.png")
if (length(pictures)) file.copy(pictures, "vignettes", overwrite = TRUE)
for (file in targets) fill(file)
