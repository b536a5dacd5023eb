#' A fit in words, and as tables
#'
#' `report_text()` says in a paragraph what was fitted and what came out. `report_tables()` gives
#' the estimates as data frames of text, rounded for reading, for functions that make LaTeX, HTML or
#' Markdown of data frames, as `knitr::kable()` and `xtable::xtable()`.
#'
#' @param object A model fitted by [rlmm()].
#' @param x What `report_tables()` gives; for `xtable()` a fit.
#' @param ddf Degrees of freedom of the tests, see [rlmm-ddf].
#' @param level Probability of the intervals.
#' @param digits Number of significant digits.
#' @param which Which table.
#' @param caption,label,align,display,auto As in `xtable::xtable()`.
#' @param options Those of the chunk.
#' @param ... For `xtable()`, handed to `report_tables()`.
#' @return `report_text()`: a string. `report_tables()`: a list of data frames `fixed` (term,
#'   estimate, standard error, limits, df, t and p), `random` (group, effect, standard deviation,
#'   correlations) and `fit` (observations, levels, criterion, R squared).
#'
#'   Where knitr runs, `report_tables(fit)` as the value of a chunk becomes tables in the format of
#'   the document, by `knitr::kable()`. `xtable()` of a fit gives an object of class `xtable`, to
#'   be printed by that package.
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' cat(strwrap(report_text(fit)), sep = "\n")
#' tables <- report_tables(fit)
#' tables$fixed
#' if (requireNamespace("knitr", quietly = TRUE)) knitr::kable(tables$fixed, format = "html")
#' @export
report_text <- function(object, ddf = "Satterthwaite", level = 0.95, digits = 3) {
  check_fit(object, "report_text")
  ddf <- match_ddf(ddf)
  statistics <- fit_statistics(object)
  number <- function(x) format_number(x, digits)
  share <- function(x) formatC(x, digits = 2, format = "f")
  groups <- ngrps(object)
  paste0(
    "A linear mixed model (", if (object$REML) "restricted " else "", "maximum likelihood) of ",
    names(object$frame)[1L], " was fitted to ", nobs(object), " observations of ",
    and_list(paste(groups, "levels of", names(groups))), " (formula: ", text_of(object$formula),
    "). ", random_sentence(object, number), " The model explains ",
    share(statistics$R2_conditional), " of the variance (conditional R2), its fixed effects alone ",
    share(statistics$R2_marginal), " (marginal R2). ",
    fixed_sentence(object, ddf, level, number), findings_sentence(object)
  )
}

random_sentence <- function(object, number) {
  table <- as.data.frame(VarCorr(object))
  single <- is.na(table$var2)
  text <- ifelse(table$grp == "Residual", paste("the residual", number(table$sdcor)),
    paste(table$var1, "by", table$grp, number(table$sdcor)))
  correlations <- paste0(table$var1, " and ", table$var2, " by ", table$grp, " ",
    formatC(table$sdcor, digits = 2, format = "f"))
  paste0("The standard deviations are: ", and_list(text[single]), ".",
    if (any(!single)) paste0(" The correlations are: ", and_list(correlations[!single]), "."))
}

fixed_sentence <- function(object, ddf, level, number) {
  test <- coefficient_tests(object, ddf)
  if (nrow(test) == 0L) return("")
  half <- stats::qt((1 + level) / 2, test$df) * test$std_error
  text <- paste0(test$term, ": ", number(test$estimate), " (", format(100 * level),
    "% interval ", number(test$estimate - half), " to ", number(test$estimate + half),
    if (ddf != "none") paste0(", t(", formatC(test$df, digits = 1, format = "f"), ") = ",
      formatC(test$statistic, digits = 2, format = "f"), ", ", p_text(test$p)), ")")
  paste0("The fixed effects", if (ddf != "none") paste0(" (degrees of freedom by ", ddf, ")"),
    " are ", and_list(text, "; "), ".")
}

findings_sentence <- function(object) {
  findings <- c(if (!isTRUE(object$optinfo$certificate$certified)) "the optimum is not certified",
    if (isSingular(object)) "the fit is singular", if (length(object$dropped)) {
      paste("redundant columns were left out:", and_list(object$dropped))
    })
  if (length(findings)) paste0(" Note: ", and_list(findings, "; "), ".") else ""
}

and_list <- function(x, between = ", ") {
  n <- length(x)
  if (n < 2L) return(paste(x))
  paste(paste(x[-n], collapse = between), x[n], sep = if (between == ", ") " and " else between)
}

format_number <- function(x, digits) {
  sub("[.]$", "", trimws(formatC(signif(x, digits), digits = digits, format = "fg", flag = "#")))
}

p_text <- function(p) {
  ifelse(p < 0.001, "p < 0.001", paste("p =", formatC(p, digits = 3, format = "f")))
}

#' @rdname report_text
#' @export
report_tables <- function(object, ddf = "Satterthwaite", level = 0.95, digits = 4) {
  check_fit(object, "report_tables")
  structure(class = "rlmm_report_tables", list(
    fixed = fixed_table(object, match_ddf(ddf), level, digits),
    random = random_table(object, digits), fit = fit_table(object, digits)
  ))
}

fixed_table <- function(object, ddf, level, digits) {
  test <- coefficient_tests(object, ddf)
  half <- stats::qt((1 + level) / 2, test$df) * test$std_error
  number <- function(x) format_number(x, digits)
  out <- data.frame(Term = test$term, Estimate = number(test$estimate),
    `Std. error` = number(test$std_error), Lower = number(test$estimate - half),
    Upper = number(test$estimate + half), check.names = FALSE)
  if (ddf == "none") return(out)
  cbind(out, df = formatC(test$df, digits = 1, format = "f"),
    t = formatC(test$statistic, digits = 2, format = "f"), p = sub("^p (= )?", "", p_text(test$p)))
}

random_table <- function(object, digits) {
  table <- as.data.frame(VarCorr(object))
  rows <- is.na(table$var2)
  with <- function(i) {
    at <- table$grp == table$grp[i] & !is.na(table$var2) &
      (table$var1 %in% table$var1[i] | table$var2 %in% table$var1[i])
    other <- ifelse(table$var1[at] == table$var1[i], table$var2[at], table$var1[at])
    paste(formatC(table$sdcor[at], digits = 2, format = "f"), "with", other, collapse = ", ")
  }
  correlated <- vapply(which(rows), function(i) if (any(table$grp == table$grp[i] & !rows))
    with(i) else "", "")
  data.frame(Group = table$grp[rows],
    Effect = ifelse(is.na(table$var1[rows]), "", table$var1[rows]),
    `Std. dev.` = format_number(table$sdcor[rows], digits), Correlation = correlated,
    check.names = FALSE)
}

fit_table <- function(object, digits) {
  statistics <- fit_statistics(object)
  groups <- ngrps(object)
  data.frame(
    Quantity = c("Observations", paste("Levels of", names(groups)),
      if (object$REML) "REML criterion" else "Deviance", "AIC", "BIC", "Marginal R2",
      "Conditional R2"),
    Value = c(nobs(object), unname(groups), formatC(object$criterion, digits = 2, format = "f"),
      formatC(c(statistics$AIC, statistics$BIC), digits = 2, format = "f"),
      formatC(c(statistics$R2_marginal, statistics$R2_conditional), digits = 3, format = "f"))
  )
}

#' @rdname report_text
#' @export
print.rlmm_report_tables <- function(x, ...) {
  for (name in names(x)) {
    cat(table_titles[[name]], ":\n", sep = "")
    print(x[[name]], row.names = FALSE)
    cat("\n")
  }
  invisible(x)
}

table_titles <- c(fixed = "Fixed effects", random = "Random effects", fit = "Fit")

#' @rdname report_text
#' @exportS3Method knitr::knit_print
knit_print.rlmm_report_tables <- function(x, options = NULL, ...) {
  text <- vapply(names(x), function(name) {
    align <- ifelse(names(x[[name]]) %in% c("Term", "Group", "Effect", "Quantity"), "l", "r")
    paste(knitr::kable(x[[name]], caption = table_titles[[name]], align = align), collapse = "\n")
  }, "")
  knitr::asis_output(paste0("\n\n", paste(text, collapse = "\n\n"), "\n\n"))
}

#' @rdname report_text
#' @exportS3Method xtable::xtable
xtable.rlmm <- function(x, caption = NULL, label = NULL, align = NULL, digits = 4, display = NULL,
                        auto = FALSE, which = c("fixed", "random", "fit"), ...) {
  which <- one_of(which, c("fixed", "random", "fit"), "which")
  table <- report_tables(x, digits = digits, ...)[[which]]
  xtable::xtable(table, caption = caption, label = label, align = align, display = display,
    auto = auto)
}
