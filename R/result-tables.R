#' All results of a fit as data frames
#'
#' What pymer4 keeps with a model, in one call and under the same names, each a data frame.
#'
#' @param object A model fitted by [rlmm()].
#' @param conf_method How intervals are found: `"Wald"`, `"profile"` or `"boot"`, see
#'   [confint.rlmm()].
#' @param level Their probability.
#' @param ddf Degrees of freedom, see [rlmm-ddf].
#' @param ... Handed to [confint.rlmm()], as `nsim` for the bootstrap.
#' @return A list of class `rlmm_result_tables` with
#' * `params`: `term` and `estimate` of the fixed effects;
#' * `ranef` and `fixef`: for each grouping factor a data frame with the deviations of each `level`,
#'   and with its coefficients, fixed and random together;
#' * `ranef_var`: `group`, `term`, `estimate`, `conf_low` and `conf_high` of standard deviations
#'   and correlations;
#' * `result_fit`: `term`, `estimate`, `conf_low`, `conf_high`, `std_error`, `t_stat`, `df` and
#'   `p_value` of the fixed effects;
#' * `result_fit_stats`: one row, see [fit_statistics()];
#' * `result_anova`: `model_term`, `df1`, `df2`, `F_ratio` and `p_value` of tests of type III, see
#'   [anova.rlmm()];
#' * `convergence_status`: one row with `converged` (whether the optimum is certified), `gradient`
#'   (its largest entry) and `text`;
#' * `logs`: `type` and `text` of messages and warnings of the fit, see [fit_log()].
#' @seealso [coming-from] for the other functions of pymer4.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' tables <- result_tables(fit)
#' tables$result_fit
#' tables$ranef_var
#' head(tables$fixef$Subject)
#' @export
result_tables <- function(object, conf_method = c("Wald", "profile", "boot"), level = 0.95,
                          ddf = "Satterthwaite", ...) {
  check_fit(object, "result_tables")
  conf_method <- one_of(conf_method, c("Wald", "profile", "boot"), "conf_method")
  check_interval(level, Inf, 1L)
  limits <- if (conf_method != "Wald") {
    stats::confint(object, level = level, method = conf_method, oldNames = FALSE, ...)
  }
  fixed <- tidy_fixed(object, ddf, level, limits, FALSE)
  variances <- tidy_parameters(object, NULL, NULL, level, limits)
  structure(class = "rlmm_result_tables", list(
    params = fixed[c("term", "estimate")],
    ranef = lapply(unclass(ranef(object, condVar = FALSE)), with_level_column),
    ranef_var = renamed(variances, c(group = "group", term = "term", estimate = "estimate",
      conf.low = "conf_low", conf.high = "conf_high")),
    fixef = lapply(unclass(coef(object)), with_level_column),
    result_fit = renamed(fixed, c(term = "term", estimate = "estimate", conf.low = "conf_low",
      conf.high = "conf_high", std.error = "std_error", statistic = "t_stat", df = "df",
      p.value = "p_value")),
    result_fit_stats = fit_statistics(object),
    result_anova = anova_result(object, ddf),
    convergence_status = data.frame(
      converged = isTRUE(object$optinfo$certificate$certified),
      gradient = max(abs(object$optinfo$gradient)), text = object$optinfo$certificate$text),
    logs = fit_log(object)$conditions[c("type", "text")]
  ))
}

with_level_column <- function(effects) {
  effects <- cbind(level = rownames(effects), as.data.frame(effects, optional = TRUE))
  attr(effects, "postVar") <- NULL
  rownames(effects) <- NULL
  effects
}

# Some columns of a data frame, under other names.
renamed <- function(table, names) {
  names <- names[intersect(names(names), names(table))]
  stats::setNames(table[names(names)], names)
}

anova_result <- function(object, ddf) {
  table <- anova(object, type = "III", ddf = ddf)
  columns <- c(NumDF = "df1", DenDF = "df2", `F value` = "F_ratio", `Pr(>F)` = "p_value")
  cbind(model_term = rownames(table), renamed(data.frame(table, check.names = FALSE), columns),
    row.names = NULL)
}

#' @export
print.rlmm_result_tables <- function(x, ...) {
  for (name in names(x)) {
    cat("$", name, "\n", sep = "")
    if (is.data.frame(x[[name]])) print(x[[name]], row.names = FALSE) else {
      for (group in names(x[[name]])) {
        cat(group, ", first of ", nrow(x[[name]][[group]]), " levels:\n", sep = "")
        print(utils::head(x[[name]][[group]], 3L), row.names = FALSE)
      }
    }
    cat("\n")
  }
  invisible(x)
}
