# What vignette("ecosystem") says, as calls that are run: each on a fit of rlmm() and on lmer()'s fit
# of the same model. tests/testthat/test-ecosystem.R runs them, too.
#
# A row: the package, the functions as they are shown, the model, the call with `x` for the fit,
# `take` for what of the value is compared, and, where the numbers are to differ, why.

ecosystem_models <- function() {
  sleep <- rlmm::sleepstudy
  sleep$group <- factor(rep(c("a", "b", "c"), each = 60))
  fits_of <- function(formula, data) {
    control <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
    call <- call("lmer", formula, data = as.name(data))
    call[[1L]] <- quote(rlmm::rlmm)
    ours <- eval(call, globalenv())
    call[[1L]] <- quote(lme4::lmer)
    call$control <- control
    theirs <- eval(call, globalenv())
    theirs@call$control <- NULL
    list(rlmm = ours, lmer = theirs)
  }
  assign("ecosystem_sleep", sleep, globalenv())
  assign("ecosystem_cake", lme4::cake, globalenv())
  list(
    days = fits_of(quote(Reaction ~ Days + (Days | Subject)), "ecosystem_sleep"),
    group = fits_of(quote(Reaction ~ Days * group + (1 | Subject)), "ecosystem_sleep"),
    cake = fits_of(quote(angle ~ recipe + temp + (1 | recipe:replicate)), "ecosystem_cake")
  )
}

row <- function(package, functions, model, call, take = identity, why = NULL) {
  list(package = package, functions = functions, model = model, call = substitute(call),
    take = take, why = why)
}

numbers <- function(x) as.data.frame(summary(x))
frame <- function(x) as.data.frame(x)
quiet_plot <- function(x) {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  force(x)
}
drawn <- function(p) {
  plots <- if (inherits(p, "ggplot")) list(p) else p
  quiet_plot(lapply(plots, function(plot) lapply(ggplot2::ggplot_build(plot)$data, function(layer) {
    layer[intersect(c("x", "y", "ymin", "ymax"), names(layer))]
  })))
}
satterthwaite <- "rlmm has degrees of freedom and p values without lmerTest"

ecosystem_rows <- list(
  row("emmeans", "ref_grid(), emmeans()", "cake", emmeans::emmeans(x, "recipe"), numbers),
  row("emmeans", "pairs(), contrast()", "cake", pairs(emmeans::emmeans(x, "recipe")), numbers),
  row("emmeans", "emtrends()", "group",
    emmeans::emtrends(x, "group", "Days", mode = "satterthwaite"), numbers),
  row("emmeans", "joint_tests()", "group", emmeans::joint_tests(x), frame),
  row("car", "Anova()", "group", car::Anova(x)),
  row("car", "Anova(test.statistic = \"F\")", "group", car::Anova(x, type = 3, test.statistic = "F")),
  row("car", "linearHypothesis()", "days", car::linearHypothesis(x, "Days = 8")$Chisq[2]),
  row("car", "linearHypothesis(test = \"F\")", "days",
    car::linearHypothesis(x, "Days = 8", test = "F")$F[2],
    why = "of an lmer fit, car 3.1 tests zero by F whatever the right side says"),
  row("car", "vif()", "cake", car::vif(x)),
  row("car", "deltaMethod()", "days", car::deltaMethod(x, "`(Intercept)` / Days")),
  row("car", "influencePlot()", "days", quiet_plot(car::influencePlot(x))),
  row("car", "outlierTest()", "days", car::outlierTest(x)$rstudent),
  row("car", "infIndexPlot()", "days", quiet_plot(car::infIndexPlot(x))),
  row("car", "Confint(), S()", "days", list(car::Confint(x), car::S(x)$coefficients)),
  row("effects", "Effect(), allEffects()", "group", lapply(effects::allEffects(x), frame)),
  row("effects", "predictorEffect()", "days", frame(effects::predictorEffect("Days", x))),
  row("broom.mixed", "tidy()", "days",
    generics::tidy(x)[c("effect", "group", "term", "estimate")]),
  row("broom.mixed", "tidy(effects = \"fixed\")", "days",
    frame(generics::tidy(x, effects = "fixed", conf.int = TRUE)), why = satterthwaite),
  row("broom.mixed", "tidy(effects = \"ran_vals\")", "days",
    frame(generics::tidy(x, effects = "ran_vals", conf.int = TRUE))),
  row("broom.mixed", "glance()", "days", generics::glance(x)),
  row("broom.mixed", "augment()", "days",
    frame(broom.mixed::augment(x))[c(".fitted", ".resid", ".hat", ".fixed")]),
  row("broom.mixed", "augment()$.cooksd", "days", broom.mixed::augment(x)$.cooksd,
    why = "rlmm's Cook's distances leave the row out, lme4's use leverages of the fitted values"),
  row("insight", "find_*(), get_variance(), get_df()", "days", list(insight::find_parameters(x),
    insight::get_variance(x), insight::get_df(x), insight::model_info(x)$is_mixed)),
  row("insight", "get_data(), get_predicted()", "days",
    list(insight::get_data(x), frame(insight::get_predicted(x, ci = 0.95,
      include_random = FALSE)))),
  row("performance", "r2(), icc()", "days", list(unlist(performance::r2(x)),
    unlist(performance::icc(x)))),
  row("performance", "check_convergence(), check_singularity()", "days",
    list(as.logical(performance::check_convergence(x)), performance::check_singularity(x))),
  row("performance", "model_performance()", "cake", frame(performance::model_performance(x))),
  row("performance", "compare_performance()", "group", {
    smaller <- update(x, . ~ . - Days:group)
    frame(performance::compare_performance(x, smaller))[c("AIC", "BIC", "R2_conditional", "RMSE")]
  }),
  row("performance", "check_model()", "group", {
    checks <- suppressMessages(performance::check_model(x))
    lapply(checks[c("VIF", "NORM", "HOMOGENEITY")], function(part) part[["y"]])
  }),
  row("parameters", "model_parameters()", "days", frame(parameters::model_parameters(x,
    effects = "fixed"))),
  row("parameters", "model_parameters(ci_method = \"satterthwaite\")", "group",
    frame(parameters::model_parameters(x, effects = "fixed", ci_method = "satterthwaite"))),
  row("ggeffects", "ggpredict()", "group",
    frame(ggeffects::ggpredict(x, c("Days", "group")))[c("predicted", "conf.low", "conf.high")]),
  row("ggeffects", "ggpredict(type = \"re\")", "days",
    frame(ggeffects::ggpredict(x, "Days", type = "re"))$conf.high,
    why = "for a new level the variance of its random effects counts, too"),
  row("ggeffects", "ggemmeans()", "cake",
    frame(ggeffects::ggemmeans(x, "recipe"))[c("predicted", "conf.low", "conf.high")]),
  row("sjPlot", "plot_model()", "group", drawn(sjPlot::plot_model(x))),
  row("sjPlot", "plot_model(type = \"re\")", "days", drawn(sjPlot::plot_model(x, type = "re"))),
  row("sjPlot", "plot_model(type = \"diag\"), by as_merMod()", "days",
    lapply(unlist(lapply(sjPlot::plot_model(as_lme4(x), type = "diag"), function(p)
      if (inherits(p, "ggplot")) list(p) else p), recursive = FALSE), drawn)),
  row("sjPlot", "tab_model()", "days", sjPlot::tab_model(x)$page.content),
  row("sjPlot", "tab_model(show.dev = TRUE)", "days",
    sjPlot::tab_model(x, show.dev = TRUE)$page.content,
    why = "of lmer's REML fits sjPlot shows the deviance, of others what deviance() gives"),
  row("multcomp", "glht(), mcp()", "cake",
    summary(multcomp::glht(x, multcomp::mcp(recipe = "Tukey")))$test[c("coefficients", "sigma")]),
  row("lmtest", "lrtest()", "days",
    lmtest::lrtest(update(x, . ~ . - Days, REML = FALSE), update(x, REML = FALSE))$Chisq),
  row("lmtest", "coeftest(), coefci()", "days", lmtest::coeftest(x)[, 4],
    why = "lmtest has no method for lmer fits"),
  row("sandwich", "estfun(), bread()", "days", dim(sandwich::estfun(x)),
    why = "sandwich has no method for lmer fits"),
  row("arm", "se.coef(), se.ranef()", "days", list(arm::se.coef(x), unclass(arm::se.ranef(x)))),
  row("arm", "se.fixef(), by as_merMod()", "days", arm::se.fixef(as_lme4(x))),
  row("arm", "display()", "days", utils::capture.output(arm::display(x))[-1]),
  row("arm", "sim()", "days", {
    set.seed(1)
    dim(arm::sim(x, 10)@fixef)
  }),
  row("arm", "display(), extractDIC()", "days", arm::extractDIC(x)),
  row("lattice", "dotplot(), qqmath() of ranef()", "days",
    lattice::dotplot(lme4::ranef(x, condVar = TRUE))[[1]]$panel.args[[1]]$x[1:36]),
  row("afex", "afex_plot()", "cake", drawn(afex::afex_plot(x, "recipe", id = "replicate",
    data_geom = ggplot2::geom_point))),
  row("knitr", "kable() of VarCorr(), ranef(), anova()", "days",
    list(knitr::kable(frame(lme4::VarCorr(x)), digits = 1),
      knitr::kable(lme4::ranef(x)$Subject, digits = 1))),
  row("xtable", "xtable()", "days", dim(xtable::xtable(x)),
    why = "xtable has no method for lmer fits"),
  row("lme4", "profile(), influence(), refit(), by as_merMod()", "days", list(
    confint(profile(as_lme4(x), which = "beta_")),
    cooks.distance(influence(as_lme4(x), "Subject")),
    lme4::fixef(lme4::refit(as_lme4(x), rev(ecosystem_sleep$Reaction))))),
  row("lmerTest", "as_lmerModLmerTest(), by as_merMod()", "days",
    coef(summary(lmerTest::as_lmerModLmerTest(as_lme4(x))))),
  row("pbkrtest", "vcovAdj(), KRmodcomp(), by as_merMod()", "days",
    as.matrix(pbkrtest::vcovAdj(as_lme4(x))))
)

as_lme4 <- function(x) if (inherits(x, "rlmm")) rlmm::as_merMod(x) else x

# One line for each package: what gives the same, and what does not and why.
ecosystem_table <- function(run) {
  lines <- lapply(split(run, factor(run$package, unique(run$package))), function(part) {
    same <- part$result == "same"
    other <- if (any(!same)) paste0(part$functions[!same], ": ", part$result[!same])
    data.frame(Package = part$package[1L],
      `As with lmer()` = paste(part$functions[same], collapse = ", "),
      `Otherwise` = paste(other, collapse = "; "), check.names = FALSE)
  })
  do.call(rbind, unname(lines))
}

# Runs the rows; `result` is "same", the reason of a difference, or what went wrong.
run_ecosystem <- function(rows = ecosystem_rows, models = ecosystem_models()) {
  results <- vapply(rows, function(row) run_row(row, models[[row$model]]), "")
  data.frame(package = vapply(rows, `[[`, "", "package"),
    functions = vapply(rows, `[[`, "", "functions"), result = results)
}

run_row <- function(row, fits) {
  if (!all(vapply(c(row$package, packages_in(row$call)), requireNamespace, NA, quietly = TRUE))) {
    return("not installed here")
  }
  values <- lapply(fits, function(x) {
    here <- new.env(parent = environment(run_row))
    here$x <- x
    utils::capture.output(value <- tryCatch(suppressWarnings(suppressMessages(
      row$take(eval(row$call, here)))), error = identity))
    value
  })
  if (inherits(values$rlmm, "error")) return(paste("ERROR:", conditionMessage(values$rlmm)))
  same <- isTRUE(all.equal(values$rlmm, values$lmer, tolerance = 1e-4, check.attributes = FALSE))
  if (same && is.null(row$why)) "same" else if (same) "ERROR: no longer different" else
    if (is.null(row$why)) "ERROR: different" else row$why
}

# Packages of the functions that a call names by `::`.
packages_in <- function(expr) {
  if (!is.call(expr)) return(character())
  if (identical(expr[[1L]], quote(`::`))) return(as.character(expr[[2L]]))
  unique(unlist(lapply(as.list(expr), packages_in)))
}
